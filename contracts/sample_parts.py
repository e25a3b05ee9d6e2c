"""The pieces of the golden messages: one account, its domains, a mailbox, a group, all invented."""

from datetime import UTC, date, datetime
from uuid import UUID

from contracts import billing_v1 as billing
from contracts import dnscheck_v1 as dnscheck
from contracts import domain_v1 as domain
from contracts import forwarding_v1 as forwarding
from contracts import holds_v1 as holds
from contracts import mailbox_v1 as mailbox
from contracts.base import Text
from contracts.refusals import Refusal, finding, refuse
from contracts.values import GIGABYTE, MEGABYTE

ACCOUNT = "nordwind"
DOMAIN = "nordwind-segel.de"
UMLAUT_DOMAIN = "xn--bcher-kva.de"  # bücher.de
ANNA, BERND = f"anna@{DOMAIN}", f"bernd@{DOMAIN}"
AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
EARLIER = datetime(2026, 3, 1, 16, 40, 12, 345000, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
GONE_ON, GONE_AT = date(2026, 4, 1), datetime(2026, 3, 31, 22, tzinfo=UTC)  # the day begins in Berlin
ANSWER_BY = datetime(2026, 3, 5, 9, 15, tzinfo=UTC)
REQUEST = UUID("0195562b-9d20-7c3e-8a41-5b6f0c7d8e9f")
CAUSE = UUID("5d7c1f0e-58c2-5f6b-9a53-0f4be16b7c2d")
DOMAIN_ID = UUID("0195562b-1111-7aaa-8bbb-0123456789ab")
UMLAUT_DOMAIN_ID = UUID("0195562b-2222-7aaa-8bbb-0123456789ab")
PASSWORD_HASH = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$bm9yZHdpbmRub3Jkd2luZA$" + "c2VnZWx0dWNo" * 3 + "c2VnZWw"
TOKEN = "token=mfrggzdfmztwq2lknnwg23tpobyxe43u"  # noqa: S105 - stands in public DNS
CATALOGUE = "2026-01"
HOLDER = f"mailbox/{ANNA}"

# --- billing ----------------------------------------------------------------------------------------------------

CONTRACT = billing.ContractTerms(
    price_cents=49_900,
    mailboxes=5_000,
    alias_forwards=None,
    groups=None,
    plan_caps={"officexxxl": 10},
    plan_prices={"mail": 80},
)
MASTER_DATA = billing.MasterData(
    company="Nordwind Segel GmbH",
    vat_id="DE123456789",
    email="buero@nordwind-segel.de",
    payment_email="rechnung@nordwind-segel.de",
    phone="+49 431 5550100",
    language="de",
    street="Hafenstraße 7",
    postcode="24103",
    city="Kiel",
    country="DE",
    vat_check=billing.VatCheck(vat_id="DE123456789", valid=True, checked_on=date(2026, 3, 1), reference="WAPIAAAA"),
)
CAPACITIES = (
    billing.Capacity(resource="mailbox", cap=50, confirmed=12, reserved=1),
    billing.Capacity(resource="alias_forward", cap=25, confirmed=4, reserved=0),
    billing.Capacity(resource="group", cap=None, confirmed=1, reserved=0),
)
OFFICE = billing.PlanTerms(
    plan="office",
    price_cents=450,
    mail_bytes=25 * GIGABYTE,
    cloud_bytes=25 * GIGABYTE,
    groupware=True,
    catalogue=CATALOGUE,
)
OFFICE_OFFER = billing.PlanOffer(
    plan="office",
    name="Office",
    price_cents=450,
    mail_bytes=25 * GIGABYTE,
    cloud_bytes=25 * GIGABYTE,
    groupware=True,
)
MAIL_OFFER = billing.PlanOffer(
    plan="mail", name="Mail", price_cents=100, mail_bytes=GIGABYTE, cloud_bytes=0, groupware=False
)
SILVER_OFFER = billing.PackageOffer(
    package="silver",
    name=Text(de="Silber", en="Silver"),
    by_contract=False,
    price_cents=2_500,
    mailboxes=50,
    alias_forwards=25,
    groups=1,
    support=(Text(de="E-Mail-Ticket, 9/5", en="e-mail ticket, 9/5"),),
)
RESELLER_OFFER = billing.PackageOffer(
    package="reseller",
    name=Text(de="Reseller", en="Reseller"),
    by_contract=True,
    price_cents=None,
    mailboxes=None,
    alias_forwards=None,
    groups=None,
    support=(),
)
STANDING = billing.AccountStanding(state="active", package="silver", self_service=True)
VALID_FROM = date(2026, 1, 1)


def account(*, package: str = "silver", price_cents: int = 2_500, revision: int = 1) -> billing.AccountView:
    """Return the account."""
    return billing.AccountView(
        account=ACCOUNT,
        state="active",
        package=package,
        package_price_cents=price_cents,
        self_service=True,
        master_data=MASTER_DATA,
        capacities=CAPACITIES,
        opened_at=EARLIER,
        revision=revision,
    )


def reservation(*holders: str) -> billing.Reservation:
    """Return room kept for these holders."""
    return billing.Reservation(holders=holders, expires_at=LATER)


# --- domain and dnscheck ----------------------------------------------------------------------------------------

ASKED = dnscheck.Asked(
    name=f"_postkontor-challenge.{DOMAIN}",
    type="TXT",
    server="ns1.example.net",
    address="192.0.2.53",
    answer="NOERROR, 1 record",
)
SEEN = dnscheck.Attempt(
    kind="confirmed",
    code="txt_confirmed",
    text=Text(de="Der TXT-Eintrag stimmt.", en="The TXT record is right."),
    expected_name=f"_postkontor-challenge.{DOMAIN}",
    expected_value=TOKEN,
    seen=(TOKEN,),
    asked=(ASKED,),
    checked_at=AT,
    elapsed_ms=23,
)
NOT_YET = SEEN.model_copy(
    update={
        "kind": "not_yet",
        "code": "txt_absent",
        "text": Text(de="Der TXT-Eintrag fehlt noch.", en="The TXT record is not there yet."),
        "seen": (),
        "asked": (ASKED.model_copy(update={"answer": "NXDOMAIN"}),),
        "next_check_at": LATER,
    }
)
MX_WANTED = (dnscheck.MxRecord(preference=10, host="mx1.postkontor.example"),)
MX_OK = dnscheck.MxAttempt(
    state="ok",
    code="mx_ok",
    text=Text(de="Die MX-Einträge stimmen.", en="The MX records are right."),
    expected=MX_WANTED,
    seen=MX_WANTED,
    asked=(ASKED.model_copy(update={"name": DOMAIN, "type": "MX"}),),
    checked_at=AT,
    elapsed_ms=18,
    next_check_at=LATER,
)
SPF_VALUE = "v=spf1 include:_spf.postkontor.example ~all"
MAIL_ADVICE = dnscheck.MailAdvice(
    items=(
        dnscheck.Advice(
            topic="spf",
            name=DOMAIN,
            state="missing",
            code="spf_missing",
            text=Text(de="Der SPF-Eintrag fehlt.", en="The SPF record is missing."),
            records=(f'{DOMAIN}. 3600 IN TXT "{SPF_VALUE}"',),
        ),
        dnscheck.Advice(
            topic="dmarc",
            name=f"_dmarc.{DOMAIN}",
            state="ok",
            code="dmarc_ok",
            text=Text(de="Der DMARC-Eintrag stimmt.", en="The DMARC record is right."),
            seen=("v=DMARC1; p=reject",),
        ),
    ),
    asked=(ASKED.model_copy(update={"name": DOMAIN}),),
    checked_at=AT,
    elapsed_ms=61,
    next_check_at=LATER,
)
BE_PATIENT = Text(de="TXT-Eintrag setzen; geprüft wird von selbst.", en="Set the TXT record; checks run by themselves.")
CONTESTED = Text(de="Ein anderes Konto hat die Domain bestätigt.", en="Another account has proven the domain.")
ALL_DONE = Text(de="Nichts zu tun.", en="Nothing to do.")


def a_transfer(role: domain.Side, state: domain.TransferState = "open") -> domain.TransferView:
    """Return a transfer as one side sees it."""
    return domain.TransferView(
        role=role,
        state=state,
        opened_at=AT,
        answer_by=ANSWER_BY,
        holder_proof="lapsed" if role == "holder" else None,
        claimant_proof="held" if role == "holder" else None,
        text=CONTESTED,
    )


def a_domain(
    state: domain.DomainState,
    *,
    name: str = DOMAIN,
    unicode: str = DOMAIN,
    revision: int = 1,
    proof: domain.ProofStanding | None = None,
    transfer: domain.TransferView | None = None,
) -> domain.DomainView:
    """Return a domain in a state, with the facets that belong to it."""
    proven = state not in ("claimed", "abandoned", "lost")
    missing = proof in ("at_risk", "lapsed")
    active = state in ("active", "removing", "removed")
    return domain.DomainView(
        account=ACCOUNT,
        domain=name,
        domain_unicode=unicode,
        domain_id=DOMAIN_ID if name == DOMAIN else UMLAUT_DOMAIN_ID,
        state=state,
        record=domain.TxtRecord(
            name=f"_postkontor-challenge.{name}",
            name_in_zone="_postkontor-challenge",
            value=TOKEN,
            ttl_seconds=300,
            zone_line=f'_postkontor-challenge.{name}. 300 IN TXT "{TOKEN}"',
            instructions=BE_PATIENT,
        ),
        has_password=active,
        features=("backup",) if active else (),
        proof=proof or ("held" if proven and state != "removed" else "pending"),
        proof_missing_since=AT if missing else None,
        proof_lapses_at=ANSWER_BY if missing else None,
        transfer=transfer,
        last_attempt=SEEN if proven and not missing else NOT_YET,
        mx="ok" if active else "unknown",
        mx_attempt=MX_OK if active else None,
        claimed_at=EARLIER,
        verified_at=AT if proven else None,
        activated_at=AT if active else None,
        next_step=ALL_DONE if active else BE_PATIENT,
        revision=revision,
    )


# --- mailbox ----------------------------------------------------------------------------------------------------

OWN_FEATURES = mailbox.FeatureState(on=("backup", "spam_and_virus_protection"), origin="mailbox")
DOMAIN_UNKNOWN: Refusal = refuse("domain_unknown", domain=UMLAUT_DOMAIN)


def a_mailbox(
    *,
    state: mailbox.MailboxState = "active",
    plan: billing.PlanTerms = OFFICE,
    last_name: str = "Petersen",
    aliases: tuple[str, ...] = (),
    forwardings: tuple[str, ...] = (),
    features: mailbox.FeatureState = OWN_FEATURES,
    blocked_senders: tuple[str, ...] = (),
    revision: int = 2,
) -> mailbox.MailboxView:
    """Return Anna's mailbox."""
    return mailbox.MailboxView(
        account=ACCOUNT,
        address=ANNA,
        domain=DOMAIN,
        first_name="Anna",
        last_name=last_name,
        state=state,
        plan=plan.plan,
        price_cents=plan.price_cents,
        mail_bytes=plan.mail_bytes,
        cloud_bytes=plan.cloud_bytes,
        groupware=plan.groupware,
        catalogue=plan.catalogue,
        aliases=aliases,
        forwardings=forwardings,
        keep_copy=True,
        features=features,
        blocked_senders=blocked_senders,
        created_at=EARLIER,
        deletes_at=GONE_AT if state == "deleting" else None,
        deleted_at=AT if state == "deleted" else None,
        revision=revision,
    )


FORWARD_ONLY = forwarding.ForwardOnlyView(
    account=ACCOUNT,
    address=f"info@{DOMAIN}",
    domain=DOMAIN,
    targets=(ANNA, "info@example.org"),
    created_at=EARLIER,
    revision=1,
)
UNVERIFIED = finding("domain_unverified", domain=DOMAIN, name=f"_postkontor-challenge.{DOMAIN}", value=TOKEN)
HOLD = holds.HoldView(
    account=ACCOUNT,
    request_id=REQUEST,
    request_type="domain.create-mailbox.v1",
    address=ANNA,
    domains=(DOMAIN,),
    domain_count=1,
    waits_for=(DOMAIN,),
    place=4,
    parked_at=AT,
    deadline=ANSWER_BY,
)
CATCH_ALL = forwarding.CatchAllView(account=ACCOUNT, domain=DOMAIN, mailbox=ANNA, revision=1)
MAILXL = OFFICE.model_copy(
    update={"plan": "mailxl", "price_cents": 250, "mail_bytes": 5 * GIGABYTE, "cloud_bytes": 100 * MEGABYTE}
)


def a_group(*members: str, revision: int = 1) -> mailbox.GroupView:
    """Return the account's group."""
    return mailbox.GroupView(account=ACCOUNT, name="Törn-Planung", members=members, revision=revision)
