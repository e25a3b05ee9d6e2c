"""What messages say, in one sentence each, by the name of their type. `telling` fills the names in.

Of facts the names are those of their fields and of the views in them, see `telling`; of orders nothing is known but
that they came.
"""

# Requests and hand-overs: what is wanted.
ORDERS: dict[str, tuple[str, str]] = {
    "add-aliases": ("Aliasse hinzufügen", "add aliases"),
    "answer-transfer": ("auf einen Übergang antworten", "answer a transfer"),
    "assign-package": ("ein Paket zuweisen (Betreiber)", "assign a package (operator)"),
    "block-senders": ("Absender sperren", "block senders"),
    "cancel-bulk": ("eine Sammeldatei abbrechen", "cancel a bulk file"),
    "cancel-hold": ("eine wartende Anfrage zurücknehmen", "take a waiting request back"),
    "change-package": ("das Paket wechseln", "change the package"),
    "change-plan": ("den Tarif wechseln", "change the plan"),
    "check-mail-records": ("die weiteren Mail-Einträge prüfen", "check the other mail records"),
    "check-mx": ("die MX-Einträge prüfen", "check the MX records"),
    "claim-domain": ("eine Domain anmelden", "claim a domain"),
    "close-account": ("ein Konto schließen (Betreiber)", "close an account (operator)"),
    "confirm-backups-deleted": (
        "gelöschte Sicherungen bestätigen (Mailspeicher)",
        "confirm deleted backups (mail store)",
    ),
    "create-group": ("eine Gruppe anlegen", "create a group"),
    "create-mailbox": ("ein Postfach anlegen", "create a mailbox"),
    "credit-invoice": ("eine Rechnung korrigieren (Betreiber)", "credit an invoice (operator)"),
    "decide-transfer": ("über einen Übergang entscheiden (Betreiber)", "decide a transfer (operator)"),
    "delete-forward-only": ("eine Weiterleitungsadresse löschen", "delete an address that only forwards"),
    "delete-group": ("eine Gruppe löschen", "delete a group"),
    "delete-mailbox": ("ein Postfach löschen", "delete a mailbox"),
    "discard-dead-letters": ("zurückgelegte Nachrichten erledigen (Betreiber)", "discard dead letters (operator)"),
    "invoice-part": ("einen Teil der Rechnungen stellen", "issue a part of the invoices"),
    "keep-domain": ("eine Domain behalten", "keep a domain"),
    "open-account": ("ein Konto eröffnen (Betreiber)", "open an account (operator)"),
    "reactivate-account": ("eine Kontosperre aufheben (Betreiber)", "end an account's suspension (operator)"),
    "reactivate-mailbox": ("ein Postfach entsperren", "reactivate a mailbox"),
    "record-backup": ("eine Sicherung melden (Mailspeicher)", "record a backup (mail store)"),
    "reconcile-events": ("verlorene Fakten noch einmal nennen (Betreiber)", "state lost facts again (operator)"),
    "record-vat-check": ("eine USt-IdNr.-Prüfung vermerken (Betreiber)", "record a check of the VAT id (operator)"),
    "remove-aliases": ("Aliasse entfernen", "remove aliases"),
    "remove-catch-all": ("das Catch-all entfernen", "remove the catch-all"),
    "remove-domain": ("eine Domain aufgeben", "give a domain up"),
    "erase-person": ("eine Person vergessen (Betreiber)", "erase a person (operator)"),
    "rename-person": ("den Namen der Person ändern", "rename the person"),
    "reopen-account": ("ein Konto wieder öffnen (Betreiber)", "reopen an account (operator)"),
    "report-restore": ("eine Wiederherstellung melden (Mailspeicher)", "report a restore (mail store)"),
    "require-password-change": ("neue Passwörter verlangen", "require new passwords"),
    "restore-backup": ("eine Sicherung wiederherstellen", "restore a backup"),
    "replay-dead-letters": ("zurückgelegte Nachrichten wiederholen (Betreiber)", "replay dead letters (operator)"),
    "run-invoices": ("die Rechnungen eines Monats stellen (Betreiber)", "issue a month's invoices (operator)"),
    "set-catch-all": ("ein Catch-all setzen", "set a catch-all"),
    "set-domain-features": ("Funktionen für ganze Domains setzen", "set features of whole domains"),
    "set-domain-password": ("das Domain-Passwort setzen", "set the domain password"),
    "set-forward-only": ("eine Weiterleitungsadresse setzen", "set an address that only forwards"),
    "set-forwardings": ("Weiterleitungen setzen", "set forwardings"),
    "set-group-members": ("die Mitglieder einer Gruppe setzen", "set a group's members"),
    "set-mailbox-features": ("Funktionen von Postfächern setzen", "set features of mailboxes"),
    "set-mailbox-password": ("das Postfach-Passwort setzen", "set the mailbox's password"),
    "settle-holds": ("wartende Anfragen weitergehen lassen", "let waiting requests go on"),
    "submit-bulk": ("einen Teil einer Sammeldatei einreichen", "hand in a part of a bulk file"),
    "suspend-account": ("ein Konto sperren (Betreiber)", "suspend an account (operator)"),
    "suspend-mailbox": ("ein Postfach sperren", "suspend a mailbox"),
    "tune-spam": ("den Umgang mit Spam einstellen", "tune the treatment of spam"),
    "unblock-senders": ("Absender entsperren", "unblock senders"),
    "undelete-mailbox": ("ein Postfach zurückholen", "have a mailbox back"),
    "undo-domain-features": ("Funktionen ganzer Domains zurücknehmen", "undo features of whole domains"),
    "undo-mailbox-features": ("Funktionen von Postfächern zurücknehmen", "undo features of mailboxes"),
    "unwatch-domain": ("eine Domain nicht mehr prüfen", "stop checking a domain"),
    "update-account": ("die Stammdaten ändern", "change the master data"),
    "validate-domain": ("den Nachweis einer Domain jetzt prüfen", "look for a domain's proof now"),
    "watch-domain": ("eine Domain prüfen", "check a domain"),
}

# Facts: what has happened.
FACTS: dict[str, tuple[str, str]] = {
    # billing
    "account-opened": (
        "Konto {account} eröffnet mit Paket {package}: {caps}.",
        "Account {account} opened with package {package}: {caps}.",
    ),
    "account-updated": ("Stammdaten von {account} geändert.", "Master data of {account} changed."),
    "package-changed": (
        "Paket gewechselt von {previous_package} zu {package}: {caps}.",
        "Package changed from {previous_package} to {package}: {caps}.",
    ),
    "capacity-reserved": ("Platz reserviert für {holders}{priced}.", "Room reserved for {holders}{priced}."),
    "capacity-confirmed": ("Gebucht: {holders}. Stand: {counts}.", "Booked: {holders}. Now: {counts}."),
    "capacity-released": (
        "Platz wieder frei: {holders} ({reason}). Stand: {counts}.",
        "Room is free again: {holders} ({reason}). Now: {counts}.",
    ),
    "invoice-finalized": (
        "Rechnung {number} für {period}: {gross} brutto.",
        "Invoice {number} for {period}: {gross} gross.",
    ),
    "credit-note-issued": (
        "Rechnungskorrektur {number} für {period}: {gross} brutto.",
        "Credit note {number} for {period}: {gross} gross.",
    ),
    "account-parked": ("Für {period} noch keine Rechnung: {reason}", "No invoice for {period} yet: {reason}"),
    "invoice-run-progress": ("Der Rechnungslauf für {period} geht weiter.", "The invoice run for {period} goes on."),
    "invoice-run-finished": ("Der Rechnungslauf für {period} ist fertig.", "The invoice run for {period} is finished."),
    "ledger-differs": (
        "Zähler und Hauptbuch stimmen an {differences} Stellen nicht überein.",
        "Counters and ledger differ in {differences} places.",
    ),
    "account-suspended": ("{account} ist gesperrt.", "{account} is suspended."),
    "account-reactivated": ("{account} ist nicht mehr gesperrt.", "{account} is suspended no longer."),
    "account-closing": (
        "{account} wird geschlossen; ab {closes_at} ist alles weg.",
        "{account} is being closed; from {closes_at} on everything is gone.",
    ),
    "account-closure-progress": (
        "Schließung: noch {domains_left} von {domains_total} Domains.",
        "Closure: {domains_left} of {domains_total} domains are left.",
    ),
    "account-closed": ("{account} ist geschlossen.", "{account} is closed."),
    "account-reopened": ("{account} ist wieder offen.", "{account} is open again."),
    "price-list-published": (
        "Preisliste {catalogue} veröffentlicht, gültig ab {valid_from}.",
        "Price list {catalogue} published, valid from {valid_from}.",
    ),
    "price-change-announced": ("{text}", "{text}"),
    # domain
    "domain-claimed": ("{domain} angemeldet. {next_step}", "{domain} claimed. {next_step}"),
    "domain-verified": ("Der Nachweis für {domain} wurde gesehen.", "The proof of {domain} was seen."),
    "domain-activated": ("{domain} ist aktiv.", "{domain} is active."),
    "domain-password-set": ("{domain} hat ein Passwort.", "{domain} has a password."),
    "domain-features-changed": (
        "Vorgabe für {domain}: {features}.",
        "Default of {domain}: {features}.",
    ),
    "domain-removed": ("{domain} ist aufgegeben.", "{domain} is given up."),
    "claim-lost": ("Ein anderes Konto hat {domain}. {next_step}", "Another account has {domain}. {next_step}"),
    "claim-abandoned": ("{text}", "{text}"),
    "proof-reminder": ("{text}", "{text}"),
    "domain-at-risk": ("{text}", "{text}"),
    "domain-lapsed": ("{text}", "{text}"),
    "domain-recovered": ("Der Nachweis für {domain} ist wieder da.", "The proof of {domain} is there again."),
    "transfer-opened": ("{text}", "{text}"),
    "transfer-disputed": ("{text}", "{text}"),
    "transfer-overdue": ("{text}", "{text}"),
    "transfer-closed": ("{text}", "{text}"),
    "transfer-answered": (
        "Die Antwort zum Übergang von {domain} gilt; Zustimmung: {consent}.",
        "The answer about the transfer of {domain} counts; consent: {consent}.",
    ),
    "transfer-decided": (
        "Der Betreiber hat über {domain} entschieden; es bekommt: {to}.",
        "The operator has decided about {domain}; it goes to the {to}.",
    ),
    "validation-finished": ("{domain}: {attempt}", "{domain}: {attempt}"),
    "mx-check-finished": ("MX von {domain}: {attempt}", "MX of {domain}: {attempt}"),
    "mail-records-check-finished": (
        "Die weiteren Mail-Einträge von {domain} sind geprüft.",
        "The other mail records of {domain} are checked.",
    ),
    "mx-changed": ("MX von {domain}: {previous} → {mx}.", "MX of {domain}: {previous} → {mx}."),
    "mailbox-admitted": ("{address} darf angelegt werden: Domain aktiv.", "{address} may be made: domain active."),
    "aliases-admitted": ("Aliasse für {address} zugelassen: {aliases}.", "Aliases of {address} admitted: {aliases}."),
    "forward-only-admitted": ("{address} darf weiterleiten: Domain aktiv.", "{address} may forward: domain active."),
    "catch-all-admitted": (
        "{domain} darf ein Catch-all haben: Domain aktiv.",
        "{domain} may have a catch-all: domain active.",
    ),
    "account-vacating": (
        "Die Domains des Kontos werden aufgegeben: noch {domains_left} von {domains_total}.",
        "The account's domains are being given up: {domains_left} of {domains_total} are left.",
    ),
    "account-vacated": ("Das Konto hat keine Domain mehr.", "The account has no domain any more."),
    "domain-removal-started": (
        "{domain} wird mit {mailboxes} Postfächern und {aliases} weiteren Adressen aufgegeben, am {deletes_at}.",
        "{domain} is given up with {mailboxes} mailboxes and {aliases} other addresses, on {deletes_at}.",
    ),
    "domain-kept": ("{domain} bleibt.", "{domain} stays."),
    "request-parked": ("{text}", "{text}"),
    "hold-cancelled": (
        "Die wartende Anfrage für {address} ist zurückgenommen.",
        "The waiting request for {address} is taken back.",
    ),
    "bulk-part-received": (
        "Teil {part} einer Sammeldatei mit {items} Einträgen gespeichert, {unreadable} unlesbar.",
        "Part {part} of a bulk file with {items} items stored, {unreadable} unreadable.",
    ),
    "bulk-accepted": (
        "Sammeldatei mit {total} Einträgen angenommen.",
        "Bulk file with {total} items accepted.",
    ),
    "bulk-progress": (
        "Sammeldatei: {done} erledigt und {refused} abgelehnt von {total}.",
        "Bulk file: {done} done and {refused} refused of {total}.",
    ),
    "bulk-cancelled": (
        "Sammeldatei abgebrochen: {done} erledigt und {refused} abgelehnt von {total}.",
        "Bulk file cancelled: {done} done and {refused} refused of {total}.",
    ),
    "bulk-finished": (
        "Sammeldatei fertig: {done} erledigt und {refused} abgelehnt von {total}.",
        "Bulk file finished: {done} done and {refused} refused of {total}.",
    ),
    # dnscheck
    "txt-checked": ("Nachweis von {domain} geprüft: {attempt}", "Looked for the proof of {domain}: {attempt}"),
    "mx-checked": ("MX von {domain} geprüft: {attempt}", "Looked at the MX of {domain}: {attempt}"),
    "advice-checked": ("Mail-Einträge von {domain} geprüft.", "Looked at the mail records of {domain}."),
    # mailbox
    "mailbox-created": (
        "{address} angelegt: {plan}, {price} im Monat, Preisliste {catalogue}.",
        "{address} created: {plan}, {price} a month, price list {catalogue}.",
    ),
    "person-erased": (
        "{address}: die Person ist vergessen, überall ab dem {complete_on}.",
        "{address}: the person is erased, everywhere from {complete_on} on.",
    ),
    "person-renamed": ("{address}: Name der Person geändert.", "{address}: the person has another name."),
    "mailbox-password-set": ("{address} hat ein neues Passwort.", "{address} has another password."),
    "plan-changed": (
        "{address}: {previous_plan} → {plan}, {price} im Monat, Preisliste {catalogue}.",
        "{address}: {previous_plan} → {plan}, {price} a month, price list {catalogue}.",
    ),
    "aliases-changed": ("Aliasse von {address}: {aliases}.", "Aliases of {address}: {aliases}."),
    "forwardings-set": ("{address} leitet weiter an: {forwardings}.", "{address} forwards to: {forwardings}."),
    "features-set": ("Funktionen gesetzt für {targets}: {requested}.", "Features set for {targets}: {requested}."),
    "blocked-senders-changed": ("Gesperrte Absender von {address} geändert.", "Blocked senders of {address} changed."),
    "mailbox-suspended": ("{address} ist gesperrt.", "{address} is suspended."),
    "mailbox-reactivated": ("{address} ist wieder aktiv.", "{address} works again."),
    "mailbox-deletion-scheduled": (
        "{address} wird gelöscht am {deletes_at}.",
        "{address} will be deleted on {deletes_at}.",
    ),
    "mailbox-undeleted": ("{address} wird nicht gelöscht.", "{address} will not be deleted."),
    "mailbox-deleted": ("{address} ist gelöscht.", "{address} is deleted."),
    "group-created": ("Gruppe {group} angelegt.", "Group {group} created."),
    "group-members-set": ("Mitglieder der Gruppe {group}: {members}.", "Members of the group {group}: {members}."),
    "group-deleted": ("Gruppe {group} gelöscht.", "Group {group} deleted."),
    "forward-only-set": ("{address} leitet weiter an: {targets}.", "{address} forwards to: {targets}."),
    "forward-only-deleted": ("{address} leitet nicht mehr weiter.", "{address} forwards no longer."),
    "catch-all-set": ("Catch-all von {domain}: {mailbox}.", "Catch-all of {domain}: {mailbox}."),
    "catch-all-removed": ("{domain} hat kein Catch-all mehr.", "{domain} has no catch-all any more."),
    "domain-vacated": ("Unter {domain} steht nichts mehr.", "Nothing stands under {domain} any more."),
    "domain-occupied": (
        "Unter {domain} stehen noch {mailboxes} Postfächer und {aliases} weitere Adressen.",
        "{mailboxes} mailboxes and {aliases} other addresses still stand under {domain}.",
    ),
    "domain-removal-progress": (
        "Löschung unter {domain}: noch {mailboxes_left} Postfächer.",
        "Deletion under {domain}: {mailboxes_left} mailboxes are left.",
    ),
    "domain-restored": (
        "Unter {domain} wird nichts mehr gelöscht; {mailboxes} Postfächer sind zurück.",
        "Nothing under {domain} is deleted any more; {mailboxes} mailboxes are back.",
    ),
    "features-undone": ("Funktionen zurückgenommen für {targets}.", "Features undone for {targets}."),
    "backup-recorded": ("Sicherung von {address} gemeldet.", "Backup of {address} recorded."),
    "backups-expired": ("Sicherungen von {address} abgelaufen.", "Backups of {address} have expired."),
    "backups-deleted": ("Sicherungen gelöscht: {snapshots}.", "Backups deleted: {snapshots}."),
    "backup-restore-requested": (
        "Wiederherstellung von {address} beim Mailspeicher angefragt.",
        "Restore of {address} asked of the mail store.",
    ),
    "backup-restored": ("Sicherung von {address} wiederhergestellt.", "Backup of {address} restored."),
    "restore-reported": (
        "Der Mailspeicher hat über die Wiederherstellung berichtet; gelungen: {restored}.",
        "The mail store has reported the restore; done: {restored}.",
    ),
    "spam-tuned": ("{address} behandelt Spam anders.", "{address} treats spam otherwise."),
    "password-change-required": (
        "Neue Passwörter verlangt oder nicht mehr verlangt: {targets}.",
        "New passwords are required, or no longer: {targets}.",
    ),
    # every worker
    "dry-run-finished": (
        "Probelauf von {request_type} beendet; geändert wurde nichts.",
        "Dry run of {request_type} finished; nothing was changed.",
    ),
    "events-reconciled": (
        "Strom und Protokoll verglichen: {missing} fehlten, {restated} noch einmal genannt.",
        "Stream and log compared: {missing} were missing, {restated} stated again.",
    ),
    "replay-begun": (
        "Zurückgelegte Nachrichten werden noch einmal bearbeitet: {letters}.",
        "Dead letters are handled once more: {letters}.",
    ),
    "dead-letters-discarded": (
        "Zurückgelegte Nachrichten sind erledigt: {letters}.",
        "Dead letters are settled: {letters}.",
    ),
    "request-refused": ("Abgelehnt: {refusal}", "Refused: {refusal}"),
}

# Values that have a word of their own.
VALUES: dict[str, tuple[str, str]] = {
    "true": ("ja", "yes"),
    "false": ("nein", "no"),
    "nothing": ("nichts", "nothing"),
    "all_off": ("alles aus", "all off"),
    "as_domain": ("wie die Domain", "as the domain"),
    "unlimited": ("unbegrenzt", "unlimited"),
    "refused": ("abgelehnt", "refused"),
    "expired": ("verfallen", "expired"),
    "deleted": ("gelöscht", "deleted"),
    "holder": ("der Inhaber", "holder"),
    "claimant": ("das andere Konto", "claimant"),
}
REQUEST = ("Anfrage: {what}", "Request: {what}")
HAND_OVER = ("Weitergabe: {what}", "Hand-over: {what}")
UNKNOWN = ("Nachricht {type}", "Message {type}")
