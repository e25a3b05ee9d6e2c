"""What the commands for domains say."""


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


SENTENCES: dict[str, dict[str, str]] = {
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
}
