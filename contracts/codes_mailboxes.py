"""Refusal codes of what was added to mailboxes, as pairs of German and English."""

MORE_CODES: dict[str, tuple[str, str]] = {
    "feature_off": (
        "Für {address} ist die Funktion {feature} ausgeschaltet. Nächster Schritt: {feature} für das Postfach oder"
        " seine Domain einschalten.",
        "The feature {feature} is off for {address}. Next step: switch {feature} on for the mailbox or its domain.",
    ),
    "backup_unknown": (
        "Die Sicherung {snapshot} von {address} gibt es nicht (mehr); Sicherungen bleiben höchstens sechs Tage.",
        "There is no backup {snapshot} of {address} (any more); backups are kept for six days at most.",
    ),
    "backup_too_old": (
        "Die Zeit der Sicherung {snapshot} ist seit {until} vorbei; sie ist zu löschen.",
        "The time of the backup {snapshot} was over at {until}; it is to be deleted.",
    ),
    "backup_in_the_future": (
        "Die Sicherung {snapshot} soll erst {at} entstanden sein; bitte die Uhr des Mailspeichers prüfen.",
        "The backup {snapshot} is said to be made at {at}, which is still to come; check the mail store's clock.",
    ),
    "snapshot_exists": (
        "Den Namen {snapshot} hat in diesem Konto schon eine andere Sicherung.",
        "Another backup of this account has the name {snapshot} already.",
    ),
    "restore_running": (
        "Für {address} läuft schon eine Wiederherstellung, längstens bis {until}. Nächster Schritt: ihr Ende abwarten.",
        "A restore is under way for {address}, until {until} at the latest. Next step: wait for its end.",
    ),
    "restore_unknown": (
        "Die Wiederherstellung {restore} läuft nicht (mehr).",
        "The restore {restore} is not under way (any more).",
    ),
    "restore_failed": (
        "Der Mailspeicher konnte {address} nicht wiederherstellen: {reason}.",
        "The mail store could not restore {address}: {reason}.",
    ),
    "restore_unanswered": (
        "Der Mailspeicher hat auf die Wiederherstellung von {address} nicht rechtzeitig geantwortet; bitte neu"
        " anfragen.",
        "The mail store has not answered the restore of {address} in time; please request it again.",
    ),
    "no_mailboxes": (
        "Unter {domain} gibt es in diesem Konto keine Postfächer.",
        "This account has no mailboxes under {domain}.",
    ),
    "nothing_to_undo": (
        "Für {target} ist keine frühere Einstellung der Funktionen bekannt.",
        "No former setting of the features of {target} is known.",
    ),
}
