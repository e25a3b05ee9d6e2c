"""A claim as its account sees it: the record to publish, the next step, never the password."""

from contracts.base import Text
from contracts.domain_v1 import DomainState, DomainView, TxtRecord
from contracts.values import domain_for_people
from services.domain.names import label_in_zone, registered_name
from services.domain.rules import Claim

TTL_SECONDS = 300  # short, so that a corrected record is seen soon

_INSTRUCTIONS = Text(
    de="Legen Sie bei Ihrem DNS-Anbieter einen TXT-Eintrag an. Name: {label} (vollständig {name}; die meisten Anbieter"
    " hängen {zone} selbst an). Wert: {value}, ohne Anführungszeichen. TTL: {ttl}.",
    en="Add a TXT record at your DNS provider. Name: {label} (in full {name}; most providers append {zone} by"
    " themselves). Value: {value}, without quotes. TTL: {ttl}.",
)
_NEXT_STEPS: dict[DomainState, Text] = {
    "claimed": Text(
        de="Setzen Sie den TXT-Eintrag {name} mit dem Wert {value}. Wir prüfen von selbst; sofort prüfen lassen können"
        " Sie jederzeit.",
        en="Set the TXT record {name} to {value}. We check by ourselves; you can ask for a check at any time.",
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
        de="Ein anderes Konto hat {domain} zuerst bestätigt. Gehört die Domain Ihnen, melden Sie sie neu an und"
        " bestätigen Sie sie; dann klären wir den Übergang.",
        en="Another account proved {domain} first. If the domain is yours, claim and prove it anew; then we clear up"
        " the transfer.",
    ),
    "contested": Text(
        de="Ihr Nachweis liegt vor, aber ein anderes Konto hält {domain}. Wir klären den Übergang mit beiden Seiten.",
        en="Your proof is there, but another account holds {domain}. We clear up the transfer with both sides.",
    ),
    "removed": Text(
        de="{domain} ist aufgegeben. Zum Weiternutzen melden Sie die Domain neu an.",
        en="{domain} is given up. To use it again, claim it anew.",
    ),
}
_TRANSFER_TEXTS = {
    "holder": Text(
        de="Ein anderes Konto hat nachgewiesen, dass es das DNS von {domain} verwaltet. Ihre Domain und Ihre Postfächer"
        " bleiben unverändert; bitte melden Sie sich bei uns, wenn das nicht so gewollt ist.",
        en="Another account has proven that it manages the DNS of {domain}. Your domain and your mailboxes stay as"
        " they are; please talk to us if this is not intended.",
    ),
    "claimant": _NEXT_STEPS["contested"],
}


def view(claim: Claim) -> DomainView:
    """Return the public state of a claim."""
    return DomainView(
        account=claim.account,
        domain=claim.domain,
        domain_unicode=domain_for_people(claim.domain),
        domain_id=claim.domain_id,
        state=claim.state,
        record=record(claim),
        has_password=claim.password_hash is not None,
        features=claim.features,
        last_attempt=claim.last_attempt,
        mx=claim.mx,
        mx_attempt=claim.mx_attempt,
        claimed_at=claim.claimed_at,
        verified_at=claim.verified_at,
        activated_at=claim.activated_at,
        next_step=next_step(claim),
        revision=claim.revision,
    )


def record(claim: Claim) -> TxtRecord:
    """Return the record that proves the claim, in every form that registrars ask for (R10)."""
    label = label_in_zone(claim.record_name, claim.domain)
    name, value = claim.record_name, claim.record_value
    zone = registered_name(claim.domain)
    return TxtRecord(
        name=name,
        name_in_zone=label,
        value=value,
        ttl_seconds=TTL_SECONDS,
        zone_line=f'{name}. {TTL_SECONDS} IN TXT "{value}"',
        instructions=_filled(_INSTRUCTIONS, label=label, name=name, zone=zone, value=value, ttl=str(TTL_SECONDS)),
    )


def next_step(claim: Claim) -> Text:
    """Say who acts next, and how; while an active domain's MX records are wrong, what to set is part of it."""
    domain = domain_for_people(claim.domain)
    step = _filled(_NEXT_STEPS[claim.state], domain=domain, name=claim.record_name, value=claim.record_value)
    mx = claim.mx_attempt
    if claim.state != "active" or mx is None or mx.state in ("ok", "unknown"):
        return step
    # What was seen in the DNS is somebody's text: it is joined, never formatted.
    return Text(de=f"{step.de} {mx.text.de}", en=f"{step.en} {mx.text.en}")


def transfer_text(role: str, claim: Claim) -> Text:
    """Tell the holder or the claimant of a contested domain how it stands (R15)."""
    return _filled(_TRANSFER_TEXTS[role], domain=domain_for_people(claim.domain))


def _filled(text: Text, **words: str) -> Text:
    return Text(de=text.de.format_map(words), en=text.en.format_map(words))
