"""Refusal codes of bulk files and of requests that wait, as pairs of German and English."""

BULK_CODES: dict[str, tuple[str, str]] = {
    "bulk_unknown": ("Einen Sammelauftrag mit dieser Nummer gibt es nicht.", "There is no bulk of this id."),
    "bulk_differs": (
        "Unter dieser Nummer wurde ein anderer Sammelauftrag begonnen (andere Datei, Zahl der Teile oder Zeilen).",
        "Another bulk was begun under this id (another file, number of parts or items).",
    ),
    "bulk_part_differs": (
        "Teil {part} dieses Sammelauftrags ist schon mit anderem Inhalt da.",
        "Part {part} of this bulk is there already, with other content.",
    ),
    "bulk_miscounted": (
        "Der Sammelauftrag sollte {total} Einträge haben, die Teile haben {counted}.",
        "The bulk was to have {total} items, its parts have {counted}.",
    ),
    "bulk_over": ("Dieser Sammelauftrag ist beendet oder abgebrochen.", "This bulk is finished or cancelled."),
    "bulk_kind_unknown": (
        "Die Art dieses Eintrags ist unbekannt; bekannt: {known}.",
        "The kind of this item is unknown; known: {known}.",
    ),
    "bulk_item_lost": (
        "Zu diesem Eintrag kam auch nach {days} Tagen kein Ergebnis; er kann neu beauftragt werden.",
        "This item had no outcome within {days} days; it may be asked for again.",
    ),
    "hold_expired": (
        "Der Auftrag hat bis {deadline} auf {domain} gewartet und ist nicht ausgeführt worden. Nächster Schritt: die"
        " Domain aktivieren, dann den Auftrag unter neuer Nummer senden.",
        "The request waited for {domain} until {deadline} and was not carried out. Next step: make the domain active,"
        " then send the request under a new id.",
    ),
    "hold_cancelled": (
        "Der wartende Auftrag ist zurückgezogen worden; er wird nicht ausgeführt.",
        "The waiting request was taken back; it is not carried out.",
    ),
    "hold_unknown": (
        "In diesem Konto wartet kein Auftrag {request_id}: er ist zu Ende, unterwegs, oder es gab ihn nie.",
        "No request {request_id} waits in this account: it has ended, goes on, or never was.",
    ),
    "too_many_holds": (
        "In diesem Konto warten schon {limit} Aufträge auf ihre Domains, mehr sind nicht möglich. Nächster Schritt:"
        " Domains aktivieren oder wartende Aufträge zurückziehen.",
        "{limit} requests of this account wait for their domains already, more are not possible. Next step: make"
        " domains active, or cancel waiting requests.",
    ),
}
