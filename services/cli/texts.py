"""The command line's own words. Refusals and diagnoses bring their texts with them."""


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


WORDS: dict[str, dict[str, str]] = {
    "account": _both("Konto", "Account"),
    "address": _both("Adresse", "Address"),
    "advice_missing": _both("fehlt", "missing"),
    "advice_not_applicable": _both("entfällt", "not needed"),
    "advice_ok": _both("gut", "ok"),
    "advice_unknown": _both("unbekannt", "unknown"),
    "advice_weak": _both("schwach", "weak"),
    "advice_wrong": _both("falsch", "wrong"),
    "alias_forward": _both("Aliasse + Weiterl.", "Aliases + forwards"),
    "aliases": _both("Aliasse", "Aliases"),
    "answer": _both("Antwort", "Answer"),
    "asked": _both("Gefragt", "Asked"),
    "blocked": _both("Gesperrte Absender", "Blocked senders"),
    "by_contract": _both("nach Vertrag", "by contract"),
    "cap": _both("Grenze", "Cap"),
    "catch_all": _both("Catch-all-Postfach", "Catch-all mailbox"),
    "catalogue": _both("Preisliste", "Price list"),
    "cloud": _both("Cloud-Speicher", "Cloud"),
    "code": _both("Code", "Code"),
    "company": _both("Firma", "Company"),
    "created": _both("Angelegt", "Created"),
    "deletes": _both("Wird gelöscht", "Will be deleted"),
    "dnssec": _both("DNSSEC", "DNSSEC"),
    "credit_note": _both("Rechnungskorrektur", "Credit note"),
    "domain": _both("Domain", "Domain"),
    "due": _both("Fällig", "Due"),
    "email": _both("E-Mail", "E-mail"),
    "expected": _both("Erwartet", "Expected"),
    "fate": _both("Ergebnis", "Fate"),
    "features": _both("Funktionen", "Features"),
    "forwardings": _both("Weiterleitungen", "Forwardings"),
    "fqdn": _both("Vollständiger Name", "Full name"),
    "gross": _both("Brutto", "Gross"),
    "group": _both("Gruppe", "Group"),
    "groups": _both("Gruppen", "Groups"),
    "groupware": _both("Groupware", "Groupware"),
    "host": _both("Host", "Host"),
    "id": _both("Nummer", "Id"),
    "invoice": _both("Rechnung", "Invoice"),
    "invoice_line": _both("Zeile", "Line"),
    "invoiced": _both("Berechnet", "Invoiced"),
    "issued": _both("Ausgestellt", "Issued"),
    "keep_copy": _both("Kopie im Postfach", "Copy in the inbox"),
    "kind": _both("Art", "Kind"),
    "language": _both("Sprache", "Language"),
    "line": _both("Zeile für die Zone", "Line for the zone"),
    "lines": _both("Zeilen für die Zone", "Lines for the zone"),
    "listed_as": _both("Preis steht unter", "Listed as"),
    "mail": _both("Mail-Speicher", "Mail"),
    "mail_records": _both("Weitere Einträge für E-Mail", "Other records for mail"),
    "mailbox": _both("Postfach", "Mailbox"),
    "mailboxes": _both("Postfächer", "Mailboxes"),
    "members": _both("Mitglieder", "Members"),
    "message": _both("Nachricht", "Message"),
    "month": _both("Monat, netto", "A month, net"),
    "mx": _both("MX", "MX"),
    "name": _both("Name", "Name"),
    "net": _both("Netto", "Net"),
    "next_look": _both("Nächste Prüfung", "Next check"),
    "next_step": _both("Nächster Schritt", "Next step"),
    "no": _both("nein", "no"),
    "none": _both("–", "–"),
    "one_click": _both("Mit einem Klick", "One-click setup"),
    "nothing_due": _both("Nichts zu zahlen", "Nothing due"),
    "number": _both("Nummer", "Number"),
    "opened": _both("Eröffnet", "Opened"),
    "origin": _both("Herkunft", "Origin"),
    "package": _both("Paket", "Package"),
    "parked": _both("Zurückgestellt", "Parked"),
    "password": _both("Passwort", "Password"),
    "payment_email": _both("E-Mail für Rechnungen", "Payment e-mail"),
    "period": _both("Zeitraum", "Period"),
    "person": _both("Person", "Person"),
    "phone": _both("Telefon", "Phone"),
    "plan": _both("Tarif", "Plan"),
    "preference": _both("Vorrang", "Preference"),
    "price": _both("Preis", "Price"),
    "proof": _both("Nachweis", "Proof"),
    "provider": _both("DNS-Anbieter", "DNS provider"),
    "quantity": _both("Anzahl", "Quantity"),
    "refers_to": _both("Zur Rechnung", "Refers to"),
    "reserved": _both("Reserviert", "Reserved"),
    "resource": _both("Was", "What"),
    "room": _both("Noch frei", "Room left"),
    "seen": _both("Gesehen", "Seen"),
    "server": _both("Server", "Server"),
    "service": _both("Leistung", "Service"),
    "since_start": _both("Seit Beginn", "Since start"),
    "state": _both("Stand", "State"),
    "step_time": _both("Dauer", "Took"),
    "street": _both("Anschrift", "Address"),
    "support": _both("Support", "Support"),
    "target": _both("Ziel", "Target"),
    "tax": _both("USt.", "VAT"),
    "text": _both("Was", "What"),
    "time": _both("Zeit", "Time"),
    "to_set": _both("Zu setzen (Zeilen für die Zone)", "To set (lines for the zone)"),
    "topic": _both("Thema", "Topic"),
    "topic_autoconfig": _both("Autoconfig", "Autoconfig"),
    "topic_autodiscover": _both("Autodiscover", "Autodiscover"),
    "topic_caa": _both("CAA", "CAA"),
    "topic_dane": _both("DANE", "DANE"),
    "topic_dkim": _both("DKIM", "DKIM"),
    "topic_dmarc": _both("DMARC", "DMARC"),
    "topic_mta_sts": _both("MTA-STS", "MTA-STS"),
    "topic_name_servers": _both("Nameserver", "Name servers"),
    "topic_spf": _both("SPF", "SPF"),
    "topic_srv": _both("SRV", "SRV"),
    "topic_tls_rpt": _both("TLS-RPT", "TLS-RPT"),
    "total": _both("Summe", "Total"),
    "type": _both("Typ", "Type"),
    "transfer": _both("Übergang", "Transfer"),
    "ttl": _both("TTL (Sekunden)", "TTL (seconds)"),
    "unlimited": _both("unbegrenzt", "unlimited"),
    "used": _both("Genutzt", "Used"),
    "value": _both("Wert", "Value"),
    "vat_id": _both("USt-IdNr.", "VAT id"),
    "verified": _both("Bestätigt", "Verified"),
    "what_to_do": _both("Was zu tun ist", "What to do"),
    "worker": _both("Dienst", "Worker"),
    "yes": _both("ja", "yes"),
    "zone": _both("Zone", "Zone"),
}

SENTENCES: dict[str, dict[str, str]] = {
    # usage
    "no_account": _both("Das Konto fehlt.", "The account is missing."),
    "no_account_hint": _both(
        "Nennen Sie es mit --account oder in POSTKONTOR_ACCOUNT.", "Name it with --account or in POSTKONTOR_ACCOUNT."
    ),
    "no_address": _both(
        "Die Adresse des Busses fehlt, und in .postkontor läuft kein Stack.",
        "The address of the bus is missing, and no stack runs in .postkontor.",
    ),
    "no_address_hint": _both(
        "Nennen Sie sie mit --nats oder in POSTKONTOR_NATS_URL, oder starten Sie einen Stack mit `postkontor dev`.",
        "Name it with --nats or in POSTKONTOR_NATS_URL, or start a stack with `postkontor dev`.",
    ),
    "bad_request_id": _both("{text} ist keine Auftragsnummer (UUID).", "{text} is not a request id (a UUID)."),
    "bad_value": _both("{field}: {reason}", "{field}: {reason}"),
    "bad_since": _both(
        "{text} ist keine Zeit: 90s, 30m, 1h, 2d oder 2025-01-31T08:00.",
        "{text} is no time: 90s, 30m, 1h, 2d or 2025-01-31T08:00.",
    ),
    "bad_price": _both("{text} ist kein Betrag in Euro, wie 49.90.", "{text} is no amount in euro, such as 49.90."),
    "bad_pair": _both("{text} hat nicht die Form TARIF=WERT.", "{text} is not written PLAN=VALUE."),
    "nothing_to_change": _both(
        "Nennen Sie, was sich ändern soll; --help zeigt die Optionen.",
        "Name what shall change; --help lists the options.",
    ),
    "wait_choice": _both("--wait und --no-wait schließen einander aus.", "--wait and --no-wait exclude each other."),
    "fault_string_too_long": _both("höchstens {max_length} Zeichen", "at most {max_length} characters"),
    "fault_string_too_short": _both("mindestens {min_length} Zeichen", "at least {min_length} character(s)"),
    "fault_string_pattern_mismatch": _both("hat nicht die verlangte Form {pattern}", "must match {pattern}"),
    "fault_literal_error": _both("erlaubt: {expected}", "choose from: {expected}"),
    "fault_less_than_equal": _both("höchstens {le}", "at most {le}"),
    "fault_greater_than_equal": _both("mindestens {ge}", "at least {ge}"),
    "bad_count": _both("{text} ist keine Anzahl und nicht `unlimited`.", "{text} is no number and not `unlimited`."),
    "password_needed": _both(
        "Das Passwort fehlt: ohne Terminal mit --password-stdin oder --password-hash.",
        "The password is missing: without a terminal give it with --password-stdin or --password-hash.",
    ),
    "name_too_long": _both(
        "{where} ist zu lang: Ein Name im DNS hat höchstens {limit} Zeichen.",
        "{where} is too long: a name in the DNS has at most {limit} characters.",
    ),
    "no_challenge": _both(
        "Unter {where} steht nichts. Mit --value token=... wird geprüft, ob und warum ein Nachweis fehlt.",
        "There is nothing at {where}. With --value token=... it is checked whether and why a proof is missing.",
    ),
    "challenge_there": _both(
        "Unter {where} steht: {values}. Mit --value token=... wird das als Nachweis geprüft.",
        "At {where} there is: {values}. With --value token=... it is checked as a proof.",
    ),
    "no_root": _both(
        "Von diesem Rechner aus ist kein Root-Server des DNS zu erreichen; über {domain} sagt das nichts. Nötig sind"
        " UDP und TCP zu Port 53 im Internet. --demo fragt stattdessen das Demo-DNS.",
        "No root server of the DNS can be reached from this machine; this says nothing about {domain}. It takes UDP"
        " and TCP to port 53 on the Internet. --demo asks the demo DNS instead.",
    ),
    "nothing_to_set": _both("Nichts.", "Nothing."),
    "password_again": _both("Noch einmal", "Repeat for confirmation"),
    "password_empty": _both("Das Passwort ist leer.", "The password is empty."),
    "catch_all_choice": _both(
        "Entweder ein Postfach angeben oder --none.",
        "Give a mailbox or --none; one of them only.",
    ),
    "feature_choice": _both(
        "Nennen Sie --set, --none oder, bei Postfächern, --inherit; nur eines davon.",
        "Give --set, --none or, for mailboxes, --inherit; one of them only.",
    ),
    "forward_choice": _both("Nennen Sie Ziele oder --none.", "Give targets or --none."),
    "confirmation_needed": _both("Ohne Terminal braucht das --yes.", "Without a terminal this needs --yes."),
    # trouble
    "NotConnected": _both("Der Bus ist nicht erreichbar: {detail}", "The bus is not reachable: {detail}"),
    "NotConnected_hint": _both(
        "`postkontor dev` startet einen hier; --nats nennt einen anderen.",
        "`postkontor dev` starts one here; --nats names another.",
    ),
    "NotSetUp": _both("Der Bus ist nicht eingerichtet: {detail}", "The bus is not set up: {detail}"),
    "NotSetUp_hint": _both("", ""),
    "NotPermitted": _both("Der Bus erlaubt es nicht: {detail}", "The bus does not permit it: {detail}"),
    "NotPermitted_hint": _both("Prüfen Sie Zugangsdaten und Konto.", "Check the credentials and the account."),
    "NoAnswer": _both("Kein Ergebnis in der Zeit: {detail}", "No outcome in time: {detail}"),
    "NoAnswer_hint": _both(
        "Er kann noch ausgeführt werden. `postkontor request show {request_id} -a {account}` zeigt, wo er steht;"
        " --request-id {request_id} schickt ihn noch einmal.",
        "It may still be carried out. `postkontor request show {request_id} -a {account}` tells where it is;"
        " --request-id {request_id} sends it again.",
    ),
    "SetAside": _both("Zurückgelegt: {detail}", "Set aside: {detail}"),
    "SetAside_hint": _both("Wenden Sie sich an den Betreiber.", "Please contact the operator."),
    "Unanswered": _both("Keine Antwort: {detail}", "No answer: {detail}"),
    "Unanswered_hint": _both("Läuft der Dienst?", "Is the worker running?"),
    "QuestionFailed": _both("Der Dienst konnte nicht antworten: {detail}", "The worker could not answer: {detail}"),
    "QuestionFailed_hint": _both("", ""),
    "unexpected": _both("Unerwarteter Fehler: {detail}", "Unexpected error: {detail}"),
    "unexpected_hint": _both(
        "Mit POSTKONTOR_TRACEBACK=1 erscheint, wo er entstand.", "POSTKONTOR_TRACEBACK=1 shows where it arose."
    ),
    "StackProblem": _both("Der Stack startet nicht: {detail}", "The stack does not start: {detail}"),
    "StackProblem_hint": _both("Die Protokolle liegen in {directory}/logs.", "The logs are in {directory}/logs."),
    # results
    "refused": _both("Abgelehnt", "Refused"),
    "done": _both(
        "Erledigt ({milliseconds:.0f} ms, Auftrag {request_id})", "Done ({milliseconds:.0f} ms, request {request_id})"
    ),
    "done_without_event": _both(
        "Erledigt; das Ereignis selbst ist nicht mehr abrufbar.", "Done; the event itself can no longer be had."
    ),
    "sent": _both("Der Bus hat den Auftrag; Ergebnis:", "The bus has the request; its outcome:"),
    "no_request": _both(
        "Kein Dienst kennt den Auftrag {request_id} im Konto {account}.",
        "No worker knows the request {request_id} in the account {account}.",
    ),
    "request_sent": _both("Auftrag vom {time}", "Request of {time}"),
    "silent_workers": _both("Keine Antwort von: {names}", "No answer from: {names}"),
    "nothing": _both("Nichts da.", "Nothing here."),
    "really_delete": _both("{what} wirklich löschen?", "Really delete {what}?"),
    "really_hand_over": _both(
        "{what} wirklich dem Inhaber nehmen und dem anderen Konto geben?",
        "Really take {what} from its holder and give it to the other account?",
    ),
    "really_give_up": _both(
        "{what} wirklich an das andere Konto abgeben?", "Really give {what} up to the other account?"
    ),
    "plan_price": _both(
        "{plan} ({price} im Monat, Preisliste {catalogue})", "{plan} ({price} a month, price list {catalogue})"
    ),
    "package_price": _both("{package} ({price} im Monat)", "{package} ({price} a month)"),
    "price_list": _both("Preisliste {catalogue}, gültig ab {day}", "Price list {catalogue}, valid from {day}"),
    "no_room": _both(
        "So viele passen nicht: noch {room} frei. `postkontor package list` zeigt größere Pakete.",
        "So many do not fit: {room} left. `postkontor package list` shows larger packages.",
    ),
    "bad_line": _both("{text} hat nicht die Form ZEILE=EURO.", "{text} is not written LINE=EURO."),
    "file_written": _both("{file}: {bytes} Bytes", "{file}: {bytes} bytes"),
    "FileWaits": _both("Die Datei ist noch nicht da: {detail}.", "The file is not there yet: {detail}."),
    "FileWaits_hint": _both(
        "Rechnungen setzt `python -m services.billing render`; läuft es, dann später noch einmal.",
        "`python -m services.billing render` writes the files; if it is running, try again later.",
    ),
    "month_parked": _both("{period} wartet: {reason}", "{period} waits: {reason}"),
    "more_invoices": _both("Es gibt ältere; --limit zeigt mehr.", "There are older ones; --limit shows more."),
    # domains
    "set_record": _both("Setzen Sie diesen Eintrag im DNS:", "Set this record in the DNS:"),
    "watching": _both(
        "Warte auf die Bestätigung; Strg-C beendet nur das Zusehen. Sofort prüfen, aus einem anderen Terminal:\n"
        "postkontor domain validate {domain} -a {account}",
        "Waiting for the proof; Ctrl-C ends only the watching. To check at once, from another terminal:\n"
        "postkontor domain validate {domain} -a {account}",
    ),
    "resume": _both(
        "Es wird weiter geprüft. Wieder zusehen: postkontor domain show {domain} --wait -a {account}",
        "Checking goes on. Watch again: postkontor domain show {domain} --wait -a {account}",
    ),
    "each_next_step": _both(
        "Was eine Domain als Nächstes braucht, sagt `postkontor domain show DOMAIN`.",
        "`postkontor domain show DOMAIN` says what a domain needs next.",
    ),
    "advice_fine": _both(
        "Weitere Mail-Einträge: {right} gut, nichts offen.", "Other mail records: {right} ok, nothing open."
    ),
    "advice_open": _both(
        "Weitere Mail-Einträge: {right} gut; offen: {topics}. Mehr: postkontor domain advice {domain}",
        "Other mail records: {right} ok; open: {topics}. More: postkontor domain advice {domain}",
    ),
    "answer_transfer": _both(
        "Zustimmen oder widersprechen: postkontor domain transfer {domain} --consent, oder --object",
        "Consent or object: postkontor domain transfer {domain} --consent, or --object",
    ),
    "proof_held": _both("vorhanden", "there"),
    "proof_at_risk": _both(
        "fehlt seit {since}; ab {until} stoppt das neue Postfächer",
        "missing since {since}; stops new mailboxes from {until} on",
    ),
    "claimant_proof_at_risk": _both(
        "fehlt seit {since}; fehlt er am {until} noch, endet der Übergang",
        "missing since {since}; if it is still missing on {until}, the transfer ends",
    ),
    "proof_lapsed": _both("fehlt seit {since}; keine neuen Postfächer", "missing since {since}; no new mailboxes"),
    "transfer_open": _both(
        "offen seit {since}, Antwort erbeten bis {until}", "open since {since}, an answer is asked for by {until}"
    ),
    "transfer_disputed": _both("strittig; der Betreiber entscheidet", "disputed; the operator decides"),
    "transfer_overdue": _both(
        "ohne Antwort bis {until}; der Betreiber entscheidet", "not answered by {until}; the operator decides"
    ),
    "transfer_granted": _both(
        "frei für Sie bis {until}; Ihr Nachweis wird geprüft", "free for you until {until}; your proof is being checked"
    ),
    "is_verified": _both("{domain} ist bestätigt (Stand: {state}).", "{domain} is verified (state: {state})."),
    "is_over": _both("{domain} ist {state}; es wird nicht mehr geprüft.", "{domain} is {state}; checking has ended."),
    "not_looked_yet": _both("Noch nicht geprüft.", "Not checked yet."),
    "next_in": _both("nächste Prüfung in {duration}", "next check in {duration}"),
    "next_now": _both("Prüfung läuft", "checking now"),
    # the stack
    "stack_starting": _both(
        "Starte NATS, PostgreSQL, DNS und die Dienste …", "Starting NATS, PostgreSQL, DNS and the workers …"
    ),
    "stack_runs": _both(
        "Postkontor läuft in {directory}. Strg-C beendet es.", "Postkontor runs in {directory}. Ctrl-C stops it."
    ),
    "stack_stopping": _both("Beende …", "Stopping …"),
    "stack_next": _both("Nächste Schritte, in einem zweiten Terminal:", "Next steps, in a second terminal:"),
    "bad_mx": _both(
        'Einen MX-Eintrag schreiben Sie so: "10 mx1.postkontor.example"',
        'Write an MX record like this: "10 mx1.postkontor.example"',
    ),
    "demo_dns_set": _both("Im Demo-DNS gesetzt: {what}", "Set in the demo DNS: {what}"),
    "demo_dns_registered": _both("Im Demo-DNS registriert: {what}", "Registered in the demo DNS: {what}"),
    "demo_dns_removed": _both("Aus dem Demo-DNS entfernt: {what}", "Removed from the demo DNS: {what}"),
    "txt_choice": _both("Nennen Sie Name und Wert, oder keins von beiden.", "Give a name and a value, or neither."),
    "demo_dns_failed": _both(
        "Das Demo-DNS hat die Änderung nicht übernommen: {reason}", "The demo DNS did not take the change: {reason}"
    ),
    "demo_dns_hint": _both(
        "Läuft `postkontor dev` in diesem Ordner, und ist die Domain angemeldet (`postkontor demo-dns register`)?",
        "Is `postkontor dev` running in this folder, and is the domain registered (`postkontor demo-dns register`)?",
    ),
    "no_demo_dns": _both("Hier läuft kein Demo-DNS.", "No demo DNS is running here."),
    "no_claim": _both(
        "Das Konto hat {domain} nicht angemeldet; zuerst: postkontor domain add {domain}",
        "The account has not claimed {domain}; first: postkontor domain add {domain}",
    ),
}
