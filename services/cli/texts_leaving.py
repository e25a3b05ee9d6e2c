"""Sentences about what is given up: domains with their mailboxes, accounts."""


def _both(de: str, en: str) -> dict[str, str]:
    return {"de": de, "en": en}


SENTENCES: dict[str, dict[str, str]] = {
    "really_close": _both("{what} wirklich schließen?", "Really close {what}?"),
    "domain_with": _both(
        "{domain} mit {mailboxes} Postfächern und {aliases} weiteren Adressen",
        "{domain} with {mailboxes} mailboxes and {aliases} other addresses",
    ),
    "account_with": _both(
        "{account} mit {domains} Domains und {mailboxes} Postfächern",
        "{account} with {domains} domains and {mailboxes} mailboxes",
    ),
    "removal_accepted": _both(
        "{mailboxes} Postfächer und {aliases} weitere Adressen sind ab {at} gelöscht. Bis dahin nimmt"
        " `postkontor domain keep` das zurück.",
        "{mailboxes} mailboxes and {aliases} other addresses will be gone from {at} on. Until then `postkontor domain"
        " keep` takes it back.",
    ),
    "closure_accepted": _both(
        "Das Konto ist ab {at} geschlossen. Bis dahin nimmt `postkontor account reopen` das zurück.",
        "The account will be closed from {at} on. Until then `postkontor account reopen` takes it back.",
    ),
    "removal_scheduling": _both(
        "{scheduled} von {total} Postfächern vorgemerkt, für {at}",
        "{scheduled} of {total} mailboxes scheduled, for {at}",
    ),
    "removal_waiting": _both(
        "{left} Postfächer und {aliases} weitere Adressen warten auf {at}",
        "{left} mailboxes and {aliases} other addresses wait for {at}",
    ),
    "removal_emptying": _both(
        "noch {left} von {total} Postfächern, {aliases} weitere Adressen",
        "{left} of {total} mailboxes left, {aliases} other addresses",
    ),
    "removal_restoring": _both(
        "wird zurückgenommen: {scheduled} Postfächer", "being taken back: {scheduled} mailboxes"
    ),
    "removal_vacated": _both("alles gelöscht", "everything is gone"),
    "removal_kept": _both("zurückgenommen", "taken back"),
    "closure_left": _both(
        "noch {domains} von {total} Domains, {mailboxes} Postfächer; Schließung am {at}",
        "{domains} of {total} domains left, {mailboxes} mailboxes; closes at {at}",
    ),
}
