"""The command line's own words. Refusals and diagnoses bring their texts with them."""

from services.cli import (
    texts_bulk,
    texts_domains,
    texts_leaving,
    texts_mailboxes,
    texts_privacy,
    texts_quotes,
    texts_upkeep,
)


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


SENTENCES: dict[str, dict[str, str]] = {
    # usage
    "no_account": _both("Das Konto fehlt.", "The account is missing."),
    "no_account_hint": _both(
        "Nennen Sie es mit --account oder in POSTKONTOR_ACCOUNT.", "Name it with --account or in POSTKONTOR_ACCOUNT."
    ),
    "no_address": _both(
        "Die Adresse des Busses fehlt, und in {directory} läuft kein Stack.",
        "The address of the bus is missing, and no stack runs in {directory}.",
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
    "really_send": _both("{what} Aufträge wirklich senden?", "Really send {what} requests?"),
    "done_short": _both("erledigt", "done"),
    "no_json": _both("Das ist kein JSON.", "That is no JSON."),
    "no_such_request": _both(
        "Nr. {number}: Den Auftrag {type} gibt es nicht.", "No. {number}: there is no request {type}."
    ),
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
    "bus_revoked": _both("{identity} hat keinen Zugang mehr.", "{identity} has no access any more."),
    "bus_unknown": _both(
        "In {directory} gibt es keine Identität {identity}; bekannt sind: {known}",
        "There is no identity {identity} in {directory}; known are: {known}",
    ),
    "bus_render_next": _both(
        "Geben Sie den Servern, was `postkontor bus render` zeigt, und laden Sie ihre Konfiguration neu.",
        "Give the servers what `postkontor bus render` prints, and have them reload their configuration.",
    ),
    "bus_partitions": _both(
        "Aufträge kommen in {present} Partitionen; gewünscht: {wanted}.",
        "Requests come in {present} partitions; wanted: {wanted}.",
    ),
    "bus_waiting": _both(
        "{service}: in Bahnen anderer Anzahl warten {messages} Nachrichten.",
        "{service}: {messages} messages wait in lanes of another number.",
    ),
    "bus_unowned": _both(
        "{service}: {number} der gewünschten Bahnen hat noch niemand übernommen.",
        "{service}: {number} of the wanted lanes have no owner yet.",
    ),
    "bus_not_there_yet": _both(
        "Noch nicht alle Dienste sind gefolgt. `postkontor bus repartition --to {wanted}` macht weiter.",
        "Not every service has followed yet. `postkontor bus repartition --to {wanted}` goes on.",
    ),
    "kubernetes_well": _both(
        "Streams und Consumer sind wie beschrieben, und alle Worker antworten.",
        "Streams and consumers are as written, and all workers answer.",
    ),
    "kubernetes_no_seed": _both(
        "Das Register nennt Zugänge, deren Seeds nicht mehr dabeiliegen: {problem}",
        "The register has identities whose seeds do not lie beside it any more: {problem}",
    ),
    "bad_key_hint": _both(
        "POSTKONTOR_NATS_SEED (--seed) und POSTKONTOR_NATS_CA nennen Dateien, die Sie lesen dürfen.",
        "POSTKONTOR_NATS_SEED (--seed) and POSTKONTOR_NATS_CA name files that you may read.",
    ),
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
    "accepted": _both(
        "Angenommen, noch nicht ausgeführt. Auftrag {request_id}", "Accepted, not carried out yet. Request {request_id}"
    ),
    "parked_next": _both(
        "Was wartet, zeigt: postkontor hold list -a {account}\n"
        "Zurückziehen: postkontor hold cancel {request_id} -a {account}",
        "What waits: postkontor hold list -a {account}\nTake it back: postkontor hold cancel {request_id} -a {account}",
    ),
    "waits_in_line": _both("frühere Aufträge", "earlier requests"),
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
    # explanations
    "after_number": _both("nach {number}", "after {number}"),
    "chain_cut": _both("Es gibt mehr Nachrichten, als hier stehen.", "There are more messages than are shown here."),
    "chain_of": _both("Nachrichten der Anfrage {request_id}", "Messages of the request {request_id}"),
    "chain_of_wake_up": _both("Nachrichten, die ein Weckruf nach Zeitplan auslöste", "Messages of a scheduled wake-up"),
    "findings": _both("Gründe der Ablehnung:", "Reasons of the refusal:"),
    "heard_by": _both("gehört von {names}", "heard by {names}"),
    "invoice_lines_too": _both(
        "Rechnungszeilen erklärt `postkontor invoice explain NUMMER ZEILE`.",
        "`postkontor invoice explain NUMBER LINE` explains lines of invoices.",
    ),
    "latest_facts": _both("Zuletzt geschah, Neuestes zuerst:", "What happened last, newest first:"),
    "no_cap": _both("Das Konto {account} hat keine Grenze {resource}.", "The account {account} has no cap {resource}."),
    "no_price": _both(
        "Für {address} wird nichts berechnet, oder noch nichts.", "Nothing is charged for {address}, or nothing yet."
    ),
    # the stack
    "stack_starting": _both(
        "Starte NATS, PostgreSQL, DNS und die Dienste …", "Starting NATS, PostgreSQL, DNS and the workers …"
    ),
    "stack_runs": _both(
        "Postkontor läuft in {directory}. Strg-C beendet es.", "Postkontor runs in {directory}. Ctrl-C stops it."
    ),
    "stack_seller": _both(
        "Rechnungen stellt hier eine erfundene Firma; eine eigene nennen POSTKONTOR_SELLER_...",
        "Invoices are issued by a company that does not exist; POSTKONTOR_SELLER_... name your own.",
    ),
    "stack_no_renderer": _both(
        "Rechnungen gibt es hier nicht als Datei; dafür fehlt: pip install 'postkontor[einvoice]'",
        "There are no files of invoices here; what they need is missing: pip install 'postkontor[einvoice]'",
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
    **texts_leaving.SENTENCES,
}

SENTENCES.update(texts_bulk.SENTENCES | texts_domains.SENTENCES | texts_quotes.SENTENCES)
SENTENCES.update(texts_mailboxes.SENTENCES | texts_privacy.SENTENCES | texts_upkeep.SENTENCES)
