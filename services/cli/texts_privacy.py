"""What the commands about personal data say."""


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


SENTENCES: dict[str, dict[str, str]] = {
    "privacy_silent": _both(
        "Unvollständig; keine oder keine ganze Antwort zu: {sections}",
        "Incomplete; no answer, or not a whole one, about: {sections}",
    ),
    "privacy_nothing": _both("Zu {about} ist nichts gespeichert.", "Nothing is held on {about}."),
    "privacy_beside": _both(
        "Nicht gezeigt werden Kennwort-Prüfwerte und Sicherungen; siehe docs/privacy.md.",
        "Password hashes and backups are not shown; see docs/privacy.md.",
    ),
    "privacy_sure": _both(
        "Die Person von {address} vergessen? Das lässt sich nicht zurücknehmen.",
        "Erase the person of {address}? This cannot be undone.",
    ),
    "privacy_complete": _both(
        "Ganz vergessen ist die Person am {day}; was Rechnungen belegt, bleibt.",
        "The person is wholly erased on {day}; what invoices rest on stays.",
    ),
}
