"""What the commands for bulk files say."""


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


WORDS: dict[str, dict[str, str]] = {
    "bulk_id": _both("Sammelauftrag", "Bulk"),
    "bulk_label": _both("Datei", "File"),
    "bulk_line": _both("Zeile", "Line"),
    "bulk_parts": _both("Teile", "Parts"),
    "bulk_total": _both("Einträge", "Items"),
    "bulk_waiting": _both("warten", "waiting"),
    "bulk_under_way": _both("unterwegs", "under way"),
    "bulk_done": _both("erledigt", "done"),
    "bulk_refused": _both("abgelehnt", "refused"),
    "bulk_cancelled": _both("abgebrochen", "cancelled"),
    "bulk_receiving": _both("wird empfangen", "receiving"),
    "bulk_running": _both("läuft", "running"),
    "bulk_finished": _both("beendet", "finished"),
    "bulk_begun": _both("Begonnen", "Begun"),
    "bulk_ended": _both("Beendet", "Finished"),
    "bulk_result": _both("Ergebnis", "Result"),
    "bulk_subject": _both("Adresse", "Address"),
    "bulk_state": _both("Stand", "State"),
}

SENTENCES: dict[str, dict[str, str]] = {
    "bulk_not_tried": _both(
        "Sammelaufträge gibt es nicht als Probelauf und nicht mit Angebot.",
        "There are neither dry runs nor quotes of bulk files.",
    ),
    "bulk_not_tried_hint": _both(
        "`postkontor bulk check DATEI` prüft die Datei, ohne etwas zu senden.",
        "`postkontor bulk check FILE` checks the file and sends nothing.",
    ),
    "bulk_fine": _both(
        "{file}: {domains} Domains, {mailboxes} Postfächer, {aliases} Alias-Zeilen in {parts} Teilen; alles lesbar.",
        "{file}: {domains} domains, {mailboxes} mailboxes, {aliases} alias lines in {parts} parts; all readable.",
    ),
    "bulk_problem": _both("Zeile {line}: {what}", "line {line}: {what}"),
    "bulk_more_problems": _both("... und {count} weitere Zeilen.", "... and {count} more lines."),
    "bulk_problems": _both("{count} Zeilen sind nicht lesbar.", "{count} lines cannot be read."),
    "bulk_problems_hint": _both(
        "Nichts wurde gesendet. Berichtigen Sie die Zeilen, oder lassen Sie sie mit --skip-bad aus.",
        "Nothing was sent. Correct the lines, or leave them out with --skip-bad.",
    ),
    "bulk_empty": _both("{file}: keine Zeile, die gesendet werden kann.", "{file}: no line that can be sent."),
    "bulk_sending": _both("sende {label}", "sending {label}"),
    "bulk_hashing": _both(
        "{count} Passwörter werden hier gehasht; das dauert etwa {seconds} s.",
        "{count} passwords are hashed here; that takes some {seconds} s.",
    ),
    "bulk_carrying_out": _both("führe aus", "carrying out"),
    "bulk_sent": _both("Sammelauftrag {id}: {total} Einträge sind da.", "bulk {id}: {total} items are there."),
    "bulk_ways": _both(
        "Stand: postkontor bulk status {id} -a {account}   "
        "Abgelehntes: postkontor bulk items {id} --refused -a {account}",
        "how it stands: postkontor bulk status {id} -a {account}   "
        "what was refused: postkontor bulk items {id} --refused -a {account}",
    ),
    "bulk_resume": _both(
        "Abgebrochen; derselbe Befehl noch einmal setzt fort.", "Interrupted; the same command again goes on."
    ),
    "bulk_line_now": _both(
        "{done} erledigt, {refused} abgelehnt von {total}", "{done} done, {refused} refused of {total}"
    ),
    "bulk_receipt": _both("{sent} von {total} Einträgen gesendet", "{sent} of {total} items sent"),
    "bulk_file_unreadable": _both("{file}, Zeile {line}: {what}", "{file}, line {line}: {what}"),
    # what can be wrong with a file or a line, by code
    "bulk_not_utf8": _both(
        "ist nicht in UTF-8; speichern Sie die Datei als »CSV UTF-8«.", 'is not UTF-8; save the file as "CSV UTF-8".'
    ),
    "bulk_not_text": _both("enthält Nullzeichen; das ist keine Textdatei.", "holds null characters; this is no text."),
    "bulk_line_too_long": _both("ist länger als eine Million Byte.", "is longer than a million bytes."),
    "bulk_bad_quotes": _both("Anführungszeichen gehen nicht auf.", "quotation marks do not match."),
    "bulk_no_header": _both(
        "hier muss die Kopfzeile stehen, mit kind und address; mögliche Spalten: {columns}.",
        "the header must stand here, with kind and address; possible columns: {columns}.",
    ),
    "bulk_column_twice": _both("eine Spalte steht zweimal in der Kopfzeile.", "a column stands twice in the header."),
    "bulk_unknown_column": _both("unbekannt: {columns}.", "unknown: {columns}."),
    "bulk_unused_column": _both(
        "{columns} gehört nicht zu einer Zeile der Art {kind}.", "{columns} does not belong to a line of kind {kind}."
    ),
    "bulk_too_many": _both(
        "die Datei hat {items} Einträge, erlaubt sind {most}; teilen Sie sie.",
        "the file has {items} items, {most} are allowed; split it.",
    ),
    "bulk_cells": _both(
        "hat {cells} Felder, die Kopfzeile {columns}; was Kommas enthält (wie {{ARGON2ID}}-Hashes), gehört in "
        "Anführungszeichen.",
        "has {cells} fields, the header {columns}; what holds commas (such as {{ARGON2ID}} hashes) belongs in "
        "quotation marks.",
    ),
    "bulk_not_json": _both("ist kein JSON.", "is no JSON."),
    "bulk_no_object": _both("ist kein JSON-Objekt.", "is no JSON object."),
    "bulk_kind": _both("kind muss eines sein von: {known}.", "kind must be one of: {known}."),
    "bulk_password_choice": _both(
        "entweder password (Text) oder password_hash.", "either password (text) or password_hash."
    ),
    "bulk_password_missing": _both(
        "ein Postfach braucht password oder password_hash.", "a mailbox needs password or password_hash."
    ),
    "bulk_aliases_missing": _both("aliases fehlt.", "aliases is missing."),
    "bulk_twice": _both("{twin} steht schon in Zeile {first}.", "{twin} stands in line {first} already."),
    "bulk_too_long": _both(
        "ist zu lang für eine Nachricht; verteilen Sie die Aliasse auf mehrere Zeilen.",
        "is too long for a message; spread the aliases over several lines.",
    ),
    "bulk_value": _both("{field}: {reason}", "{field}: {reason}"),
}
