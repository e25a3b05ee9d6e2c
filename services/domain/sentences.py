"""What a domain's account reads, in both languages. Only the words; when they apply is judged elsewhere. Pure.

What was seen in the DNS is somebody's text: it is joined to these sentences, never formatted with them.
"""

from contracts.base import Text
from contracts.domain_v1 import DomainState, Side, TransferState

INSTRUCTIONS = Text(
    de="Legen Sie bei Ihrem DNS-Anbieter einen TXT-Eintrag an. Name: {label} (vollständig {name}; die meisten Anbieter"
    " hängen {zone} selbst an). Wert: {value}, ohne Anführungszeichen. TTL: {ttl}.",
    en="Add a TXT record at your DNS provider. Name: {label} (in full {name}; most providers append {zone} by"
    " themselves). Value: {value}, without quotes. TTL: {ttl}.",
)
NEXT_STEPS: dict[DomainState, Text] = {
    "claimed": Text(
        de="Setzen Sie den TXT-Eintrag {name} mit dem Wert {value}. Wir prüfen von selbst; sofort prüfen lassen können"
        " Sie jederzeit.",
        en="Set the TXT record {name} to {value}. We check by ourselves; you can ask for a check at any time.",
    ),
    "abandoned": Text(
        de="Wir haben den Nachweis zwei Wochen lang nicht gefunden und prüfen {domain} nicht mehr von selbst. Ihr"
        " Eintrag gilt weiter: Setzen Sie den TXT-Eintrag {name} mit dem Wert {value} und lassen Sie dann prüfen.",
        en="We have not found the proof for two weeks and no longer check {domain} by ourselves. Your record stays"
        " valid: set the TXT record {name} to {value}, then ask for a check.",
    ),
    "verified": Text(
        de="Setzen Sie das Domain-Passwort; damit wird {domain} aktiv.",
        en="Set the domain password; it makes {domain} active.",
    ),
    "active": Text(
        de="{domain} ist aktiv: Legen Sie Postfächer an.",
        en="{domain} is active: create mailboxes.",
    ),
    "removing": Text(
        de="{domain} wird aufgegeben; Sie müssen nichts tun.",
        en="{domain} is being given up; there is nothing to do.",
    ),
    "lost": Text(
        de="{domain} hält ein anderes Konto. Gehört die Domain Ihnen, melden Sie sie neu an und bestätigen Sie sie;"
        " dann klären wir den Übergang.",
        en="Another account holds {domain}. If the domain is yours, claim and prove it anew; then we clear up the"
        " transfer.",
    ),
    "contested": Text(
        de="Ihr Nachweis für {domain} liegt vor.",
        en="Your proof for {domain} is there.",
    ),
    "removed": Text(
        de="{domain} ist aufgegeben. Zum Weiternutzen melden Sie die Domain neu an.",
        en="{domain} is given up. To use it again, claim it anew.",
    ),
}

REMOVING_WITH_MAILBOXES = Text(
    de="{domain} wird mit allen Postfächern und Adressen aufgegeben. Ab {date} sind sie gelöscht; bis dahin können Sie"
    " die Domain behalten.",
    en="{domain} is being given up with all mailboxes and addresses. From {date} on they are deleted; until then you"
    " can keep the domain.",
)

# The warning, its fulfilment, and the same for a claimant, who loses a transfer instead.
AT_RISK = Text(
    de="Der Nachweis für {domain} fehlt im DNS. Bitte setzen Sie den TXT-Eintrag {name} mit dem Wert {value} wieder;"
    " fehlt er am {date} noch, sind ab dann keine neuen Postfächer und Aliasse möglich. Bestehende Postfächer und Ihre"
    " E-Mails bleiben unberührt.",
    en="The proof for {domain} is missing in the DNS. Please set the TXT record {name} to {value} again; if it is still"
    " missing on {date}, no new mailboxes and aliases are possible from then on. Existing mailboxes and your mail stay"
    " as they are.",
)
LAPSED = Text(
    de="Der Nachweis für {domain} fehlt seit dem {since}; darum sind keine neuen Postfächer und Aliasse möglich."
    " Bestehende Postfächer und Ihre E-Mails bleiben unberührt. Bitte setzen Sie den TXT-Eintrag {name} mit dem Wert"
    " {value} wieder und lassen Sie dann prüfen; danach geht es sofort weiter.",
    en="The proof for {domain} has been missing since {since}, so no new mailboxes and aliases are possible. Existing"
    " mailboxes and your mail stay as they are. Please set the TXT record {name} to {value} again, then ask for a"
    " check; everything is possible again at once.",
)
CLAIMANT_AT_RISK = Text(
    de="Ihr Nachweis für {domain} fehlt im DNS. Bitte setzen Sie den TXT-Eintrag {name} mit dem Wert {value} wieder;"
    " fehlt er am {date} noch, endet der Übergang.",
    en="Your proof for {domain} is missing in the DNS. Please set the TXT record {name} to {value} again; if it is"
    " still missing on {date}, the transfer ends.",
)

# What a request is told that waits.
PARKED = Text(
    de="Ihr Auftrag ist angenommen. Er wird von selbst ausgeführt, sobald {domain} aktiv ist, und wartet bis {date}.",
    en="Your request is accepted. It is carried out by itself as soon as {domain} is active, and waits until {date}.",
)
PARKED_BEHIND = Text(
    de="Ihr Auftrag ist angenommen. Er wird nach den Aufträgen ausgeführt, die vor ihm auf {domain} warten, und wartet"
    " bis {date}.",
    en="Your request is accepted. It is carried out after those that wait for {domain} before it, and waits until"
    " {date}.",
)

REMINDER = Text(
    de="{domain} ist noch nicht bestätigt.",
    en="{domain} is not proven yet.",
)
LAST_REMINDER = Text(
    de="{domain} ist noch nicht bestätigt. Zwei Wochen nachdem Sie die Domain zuletzt angemeldet oder eine Prüfung"
    " verlangt haben, hören wir auf, von selbst zu prüfen.",
    en="{domain} is not proven yet. Two weeks after your last claim or request for a check we stop checking by"
    " ourselves.",
)

TRANSFERS: dict[tuple[Side, TransferState], Text] = {
    ("holder", "open"): Text(
        de="Ein anderes Konto hat nachgewiesen, dass es das DNS von {domain} verwaltet. Ihre Domain und Ihre Postfächer"
        " bleiben, wie sie sind. Bitte stimmen Sie dem Übergang bis {date} zu, oder widersprechen Sie ihm.",
        en="Another account has proven that it manages the DNS of {domain}. Your domain and your mailboxes stay as they"
        " are. Please consent to the transfer or object to it by {date}.",
    ),
    ("holder", "disputed"): Text(
        de="Sie haben dem Übergang von {domain} widersprochen. Nun entscheiden wir und sprechen dafür mit beiden"
        " Seiten; bis dahin ändert sich nichts.",
        en="You have objected to the transfer of {domain}. We decide now and talk to both sides; until then nothing"
        " changes.",
    ),
    ("holder", "overdue"): Text(
        de="Bis {date} haben Sie auf den Übergang von {domain} nicht geantwortet. Nun entscheiden wir; bis dahin ändert"
        " sich nichts, und Sie können noch zustimmen oder widersprechen.",
        en="You have not answered by {date} about the transfer of {domain}. We decide now; until then nothing changes,"
        " and you can still consent or object.",
    ),
    ("claimant", "open"): Text(
        de="Ein anderes Konto hält {domain}. Wir haben es um Antwort bis {date} gebeten; bitte lassen Sie Ihren"
        " TXT-Eintrag stehen.",
        en="Another account holds {domain}. We have asked it for an answer by {date}; please leave your TXT record in"
        " place.",
    ),
    ("claimant", "disputed"): Text(
        de="Das Konto, das {domain} hält, widerspricht dem Übergang. Nun entscheiden wir und sprechen dafür mit beiden"
        " Seiten; bitte lassen Sie Ihren TXT-Eintrag stehen.",
        en="The account that holds {domain} objects to the transfer. We decide now and talk to both sides; please leave"
        " your TXT record in place.",
    ),
    ("claimant", "overdue"): Text(
        de="Das Konto, das {domain} hält, hat bis {date} nicht geantwortet. Nun entscheiden wir; bitte lassen Sie Ihren"
        " TXT-Eintrag stehen.",
        en="The account that holds {domain} did not answer by {date}. We decide now; please leave your TXT record in"
        " place.",
    ),
    ("claimant", "granted"): Text(
        de="{domain} ist bis {date} frei für Sie; wir sehen gerade noch einmal nach Ihrem TXT-Eintrag.",
        en="{domain} is free for you until {date}; we are looking for your TXT record once more.",
    ),
}

# How the proofs stand, for the holder; the first word of each key is whether the holder's own is there.
PROOFS: dict[tuple[bool, bool], Text] = {
    (True, True): Text(
        de="Beide Nachweise stehen im DNS.",
        en="Both proofs are in the DNS.",
    ),
    (True, False): Text(
        de="Ihr Nachweis steht im DNS, der des anderen Kontos derzeit nicht.",
        en="Your proof is in the DNS, the other account's at present is not.",
    ),
    (False, True): Text(
        de="Im DNS steht der Nachweis des anderen Kontos, Ihrer nicht: Das spricht für das andere Konto. Verwalten Sie"
        " das DNS noch, setzen Sie Ihren TXT-Eintrag {name} mit dem Wert {value} wieder.",
        en="The other account's proof is in the DNS, yours is not: this speaks for the other account. If you still"
        " manage the DNS, set your TXT record {name} to {value} again.",
    ),
    (False, False): Text(
        de="Derzeit steht keiner der beiden Nachweise im DNS.",
        en="At present neither proof is in the DNS.",
    ),
}
CLOSED: dict[tuple[Side, str], Text] = {
    ("holder", "withdrawn"): Text(
        de="Das andere Konto hat seinen Anspruch auf {domain} zurückgezogen.",
        en="The other account has withdrawn its claim to {domain}.",
    ),
    ("holder", "proof_gone"): Text(
        de="Der Nachweis des anderen Kontos für {domain} fehlt; sein Anspruch gilt nicht mehr. Sie müssen nichts tun.",
        en="The other account's proof for {domain} is missing; its claim no longer counts. There is nothing to do.",
    ),
    ("claimant", "proof_gone"): Text(
        de="Ihr Nachweis für {domain} war nicht mehr zu sehen; darum endet der Übergang. Setzen Sie den TXT-Eintrag"
        " {name} mit dem Wert {value} wieder und lassen Sie dann prüfen.",
        en="Your proof for {domain} could not be seen any more, so the transfer ends. Set the TXT record {name} to"
        " {value} again, then ask for a check.",
    ),
}


def filled(text: Text, **words: str) -> Text:
    """Return the text with its words; they are ours or checked names, never what was seen in the DNS."""
    return Text(de=text.de.format_map(words), en=text.en.format_map(words))


def joined(*texts: Text) -> Text:
    """Return the texts one after the other."""
    return Text(de=" ".join(text.de for text in texts), en=" ".join(text.en for text in texts))
