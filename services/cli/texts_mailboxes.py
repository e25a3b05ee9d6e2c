"""The command line's words for what was added to mailboxes: the history of features, backups, passwords, spam."""


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


WORDS: dict[str, dict[str, str]] = {
    "backup": _both("Sicherung", "Backup"),
    "change_set": _both("gesetzt", "set"),
    "change_undo": _both("zurückgenommen", "undone"),
    "mails": _both("Mails", "Mails"),
    "password_change_by": _both("Passwort ändern bis", "Change the password by"),
    "password_set": _both("Passwort vom", "Password of"),
    "spam": _both("Spam", "Spam"),
    "spam_active": _both("gilt", "active"),
    "spam_inactive": _both("gilt nicht: Funktion aus", "not active: feature off"),
    "to_inbox": _both("Posteingang", "inbox"),
    "to_junk": _both("Spam-Ordner", "junk folder"),
    "reason": _both("Grund", "Reason"),
    "restorable_until": _both("Möglich bis", "Restorable until"),
    "size": _both("Größe", "Size"),
    "taken": _both("Vom", "Taken"),
}

SENTENCES: dict[str, dict[str, str]] = {
    "restore_runs": _both(
        "Die Sicherung {backup} wird gerade wiederhergestellt, längstens bis {until}.",
        "The backup {backup} is being restored, until {until} at the latest.",
    ),
    "no_weak_passwords": _both(
        "Alle Passwörter erfüllen die geltenden Vorgaben.", "All passwords are as strong as the policy wants them."
    ),
    "own_sets": _both(
        "eigene Einstellungen von Postfächern, die gelten: {count}", "mailboxes' own sets that count: {count}"
    ),
    "password_choice": _both(
        "Entweder Postfächer oder Domains nennen oder --weak.", "Name mailboxes or domains, or say --weak."
    ),
    "spam_tuned": _both(
        "markiert ab {junk}, abgelehnt ab {reject}, in den {folder}; erlaubt: {allowed} ({active})",
        "marked from {junk}, refused from {reject}, into the {folder}; allowed: {allowed} ({active})",
    ),
    "undo_choice": _both(
        "Entweder Domains oder Postfächer nennen, nicht beides in einem Auftrag.",
        "Name domains or mailboxes, not both in one request.",
    ),
}
