"""Words and sentences for who runs the system."""


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


WORDS: dict[str, dict[str, str]] = {
    "surviving": _both("Auf dem Bus", "On the bus"),
    "unknown_facts": _both("Unbekannt", "Unknown"),
    "missing": _both("Fehlten", "Missing"),
    "restated": _both("Noch einmal genannt", "Stated again"),
    "answered": _both("Absender", "Sender"),
    "attempt": _both("Versuch", "Attempt"),
    "count": _both("Anzahl", "Count"),
    "dead": _both("Zurückgelegt", "Dead"),
    "due_now": _both("Fällig", "Due"),
    "lanes": _both("Bahnen", "Lanes"),
    "last_batch": _both("Zuletzt", "Last batch"),
    "oldest": _both("Ältestes", "Oldest"),
    "pace": _both("je s", "A second"),
    "runs_for": _both("Läuft", "Runs for"),
    "schema": _both("Schema", "Schema"),
    "unpublished": _both("Ungesendet", "Unsent"),
    "waiting": _both("Wartet", "Waiting"),
    "detail": _both("Ursache", "Cause"),
    "digest": _both("Fehler", "Trouble"),
    "fate_gone": _both("Original fehlt", "original gone"),
    "fate_handled_before": _both("schon bearbeitet", "handled before"),
    "fate_sent_again": _both("als neuer Auftrag", "as a new request"),
    "kept_already_answered": _both("bereits beantwortet", "answered already"),
    "kept_can": _both("ja", "yes"),
    "kept_comes_by_itself": _both("kommt von selbst wieder", "comes again by itself"),
    "kept_not_a_request": _both("kein Auftrag von außen", "no request from outside"),
    "kept_resolved": _both("erledigt", "settled"),
    "latest": _both("Zuletzt", "Latest"),
    "original": _both("Original", "Original"),
    "payload": _both("Inhalt", "Content"),
    "replayable": _both("Wiederholbar", "Replayable"),
    "replica": _both("Instanz", "Replica"),
    "settled": _both("Erledigt", "Settled"),
    "version": _both("Version", "Version"),
}

SENTENCES: dict[str, dict[str, str]] = {
    "dlq_alarm": _both(
        "Alarm: Nachricht {seq} in {stream} wurde für {consumer} aufgegeben ({kind}, {deliveries} Versuche, {at}).",
        "Alarm: the bus has given up message {seq} in {stream} for {consumer} ({kind}, {deliveries} deliveries, {at}).",
    ),
    "dlq_no_alarms": _both(
        "Die Alarme des Busses sind nicht zu lesen: {detail}", "The bus's alarms cannot be read: {detail}"
    ),
    "dlq_answered": _both("hat eine Ablehnung erhalten", "was told no"),
    "dlq_not_answered": _both("hat keine Antwort erhalten", "has had no answer"),
    "dlq_choice": _both(
        "Nennen Sie, welche: Nummern oder Fehler, --code, --type, --since oder ein Konto mit -a.",
        "Name which: ids or troubles, --code, --type, --since, or an account with -a.",
    ),
    "dlq_discarded": _both("{worker}: {count} erledigt.", "{worker}: {count} settled."),
    "dlq_kept": _both("{id} bleibt liegen: {why}", "{id} is left alone: {why}"),
    "dlq_more": _both(
        "{worker} hat mehr davon, als ein Auftrag fasst: noch einmal aufrufen.",
        "{worker} has more of them than one request takes: call it again.",
    ),
    "dlq_none": _both("Nichts davon ist da.", "There is none of these."),
    "dlq_replayed": _both("{id} ({worker}): {fate}", "{id} ({worker}): {fate}"),
    "dlq_shown": _both(
        "{shown} von {total} gezeigt; die übrigen mit Filtern, oder erst diese erledigen.",
        "{shown} of {total} shown; for the others use filters, or settle these first.",
    ),
    "dlq_still": _both("{id} ({worker}): noch kein Ergebnis", "{id} ({worker}): no result yet"),
    "dlq_unknown": _both("{text} ist weder Nummer noch Fehler.", "{text} is neither an id nor a trouble."),
    "status_fine": _both("Alles in Ordnung.", "Nothing is wrong."),
    "status_bus_silent": _both(
        "Über {stream} sagt der Bus nichts: {detail}", "The bus tells nothing of {stream}: {detail}"
    ),
    "status_no_stream": _both(
        "Dem Bus fehlt der Stream {stream}: postkontor bus apply.",
        "The bus has no stream {stream}: postkontor bus apply.",
    ),
    "status_no_consumer": _both(
        "Dem Stream {stream} fehlt der Consumer {consumer}, seine Bahn bekommt nichts: postkontor bus apply.",
        "The stream {stream} has no consumer {consumer}, and its lane gets nothing: postkontor bus apply.",
    ),
    "status_nobody": _both(
        "{worker}: Niemand antwortet, {waiting} Nachrichten warten. Starten Sie den Dienst, oder lesen Sie sein Log.",
        "{worker}: nobody answers, {waiting} messages wait. Start the worker, or look into its log.",
    ),
    "status_silent": _both(
        "{worker}: {silent} Instanzen sind mit der Datenbank verbunden und antworten nicht; sehen Sie in ihr Log.",
        "{worker}: {silent} replicas are connected to the database and do not answer; look into their logs.",
    ),
    "status_versions": _both(
        "{worker}: Die Instanzen haben verschiedene Versionen: {versions}.",
        "{worker}: its replicas are of different versions: {versions}.",
    ),
    "status_unowned": _both(
        "{worker}: Die Bahn {lane} hat niemand, {waiting} Nachrichten warten dort. Starten Sie eine Instanz, oder"
        " suchen Sie im Log nach `lane lost`.",
        "{worker}: nobody owns lane {lane}, {waiting} messages wait there. Start a replica, or look for `lane lost` in"
        " the logs.",
    ),
    "status_slow": _both(
        "{worker}: {waiting} Nachrichten warten, die älteste seit {age}; bearbeitet werden {pace} je Sekunde.",
        "{worker}: {waiting} messages wait, the oldest for {age}; it handles {pace} a second.",
    ),
    "status_stands": _both(
        "{worker}: {waiting} Nachrichten warten, die älteste seit {age}; bearbeitet wird nichts. Sehen Sie ins Log.",
        "{worker}: {waiting} messages wait, the oldest for {age}; nothing is handled. Look into the log.",
    ),
    "status_no_database": _both(
        "{worker}: Die Datenbank antwortet nicht ({reason}); solange ruht der Dienst, verloren geht nichts.",
        "{worker}: the database does not answer ({reason}); the worker rests until it does, nothing is lost.",
    ),
    "status_schema": _both(
        "{worker}: Dem Schema fehlen Migrationen: {missing}. python -m services.{worker} migrate",
        "{worker}: the schema lacks migrations: {missing}. python -m services.{worker} migrate",
    ),
    "status_unpublished": _both(
        "{worker}: {count} Nachrichten sind entschieden und nicht auf dem Bus, die älteste seit {age}: Er nimmt sie"
        " nicht, oder ihre Bahn hat niemand.",
        "{worker}: {count} messages are decided and not on the bus, the oldest for {age}: it does not take them, or"
        " nobody owns their lane.",
    ),
    "status_overdue": _both(
        "{worker}: {count} Weckrufe ({kind}) sind überfällig, der älteste seit {age}.",
        "{worker}: {count} wake-ups ({kind}) are overdue, the oldest for {age}.",
    ),
    "status_forgotten": _both(
        "{worker}: Der Bus hat Fakten verloren: {what}. Mit `postkontor bus reconcile` werden sie noch einmal genannt.",
        "{worker}: the bus has lost facts: {what}. `postkontor bus reconcile` states them again.",
    ),
    "status_ahead": _both(
        "{worker}: Auf dem Bus sind Fakten, die die Datenbank nicht kennt ({what}): Sie ist eine ältere Kopie. Mit"
        " `postkontor bus rewind` und `postkontor bus reconcile` geht es weiter: docs/operations.md.",
        "{worker}: the bus has facts that the database does not know ({what}): it is an older copy. Go on with"
        " `postkontor bus rewind` and `postkontor bus reconcile`: docs/operations.md.",
    ),
    "reconcile_strangers": _both(
        "{worker}: {count} Fakten auf dem Bus kennt die Datenbank nicht:",
        "{worker}: {count} facts on the bus are unknown to its database:",
    ),
    "status_suspects": _both(
        "{worker}: Ein Prozess ist gestorben; {count} Stapel stehen unter Verdacht und werden vorsichtig bearbeitet.",
        "{worker}: a process has died; {count} batches are under suspicion and handled with care.",
    ),
    "status_dead": _both(
        "{worker}: {count} zurückgelegte Nachrichten: postkontor dlq ls --worker {worker}",
        "{worker}: {count} dead letters: postkontor dlq ls --worker {worker}",
    ),
    "reconcile_silent": _both(
        "{worker} antwortet nicht; seine Fakten sind nicht verglichen.",
        "{worker} does not answer; its facts were not compared.",
    ),
    "really_discard": _both("{what} wirklich als erledigt vermerken?", "Really settle {what}?"),
    "really_replay": _both("{what} wirklich noch einmal bearbeiten?", "Really handle {what} once more?"),
    "dlq_letters": _both("{count} zurückgelegte Nachrichten", "{count} dead letters"),
}
