"""What dry runs, quotes and plans for a smaller package say."""


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


WORDS: dict[str, dict[str, str]] = {
    "difference": _both("Unterschied", "Difference"),
    "left": _both("Bliebe frei", "Would be left"),
    "price_after": _both("Künftig im Monat", "After, a month"),
    "price_before": _both("Bisher im Monat", "Before, a month"),
    "quote": _both("Angebot", "Quote"),
    "thing": _both("Gegenstand", "For"),
    "this_month": _both("Diesen Monat", "This month"),
    "valid_until": _both("Gilt bis", "Valid until"),
    "what": _both("Was", "What"),
    "would_happen": _both("Es geschähe", "Would happen"),
}

SENTENCES: dict[str, dict[str, str]] = {
    "dry_run": _both("Probelauf: geändert wurde nichts.", "Dry run: nothing was changed."),
    "still_missing": _both("Noch nötig", "Still missing"),
    "a_month": _both("{amount} im Monat, netto", "{amount} a month, net"),
    "would_be_done": _both("würde erledigt", "would be done"),
    "quote_for_one": _both(
        "Ein Angebot gilt einem Auftrag; --quote geht nur mit genau einem.",
        "A quote is for one request; --quote takes exactly one.",
    ),
    "quote_hint": _both(
        "Derselbe Befehl mit --quote {quote_id} statt --dry-run nimmt es an. Es hält den Preis, nicht den Platz.",
        "The same command with --quote {quote_id} instead of --dry-run commits. It holds the price, not the room.",
    ),
    "package_fits": _both(
        "Das Paket {package} passt; nichts muss weg.", "The package {package} fits; nothing must go."
    ),
    "more_steps": _both(
        "Und {number} weitere; `postkontor package plan` zeigt alle.",
        "And {number} more; `postkontor package plan` shows all.",
    ),
    "plan_hint": _both(
        "So senden: postkontor package plan {package} -o json | postkontor request send - --yes",
        "To send it: postkontor package plan {package} -o json | postkontor request send - --yes",
    ),
    "plan_left": _both(
        "{resource}: {number} zu viel, die jetzt kein Schritt frei macht: Aufträge sind noch unterwegs, oder der"
        " Vertrag lässt keinen anderen Tarif zu.",
        "{resource}: {number} too many that no step frees now: requests are under way, or the contract leaves no other"
        " plan.",
    ),
}
