"""What can be done about each refusal: who can do it, what it means, the next step, since when there is the code.

For programs that branch on codes, and for docs/codes.md.
"""

from typing import Literal, NamedTuple, cast

from contracts.codes import CODES
from contracts.remedies_more import MORE_REMEDIES

Who = Literal["fix", "again", "operator"]
# As an HTTP gateway would answer; the code says more than the number.
HTTP: dict[Who, int] = {"fix": 422, "again": 503, "operator": 403}


class Remedy(NamedTuple):
    """Who can help: the sender by changing something, time, or the operator; and how."""

    who: Who
    meaning: str
    next_step: str
    since: str = "0.1.0"


_KNOWN: dict[str, Remedy] = {
    # the message itself
    "not_json": Remedy("fix", "The bytes are no JSON.", "Send JSON in UTF-8."),
    "unknown_type": Remedy(
        "fix", "No worker knows this request at this subject.", "Compare the subject with the AsyncAPI document."
    ),
    "unknown_version": Remedy("fix", "The request exists, but not in this version.", "Send one of the known versions."),
    "wrong_shape": Remedy(
        "fix",
        "A field is missing, unknown or has a value that is not allowed; each is a finding of its own.",
        "Correct the named field; the JSON Schema of the type says what may stand there.",
    ),
    "type_mismatch": Remedy(
        "fix", "Subject and envelope name different types.", "Publish to the subject of the envelope's type."
    ),
    "account_mismatch": Remedy(
        "fix", "The envelope names another account than the subject.", "Name the account in the subject only."
    ),
    "too_large": Remedy("fix", "The message exceeds what workers take.", "Split the request."),
    "request_id_reused": Remedy(
        "fix", "The id belongs to an earlier request with other content.", "Send it under a new id."
    ),
    "internal_error": Remedy(
        "operator",
        "A worker failed on this message; it is kept as a dead letter.",
        "Report the request id; once mended the operator replays it.",
    ),
    "more_findings": Remedy(
        "fix", "There are more reasons than fit into an answer.", "Correct those named and ask again for the others."
    ),
    # accounts and packages
    "account_unknown": Remedy("operator", "There is no such account.", "Have the account opened."),
    "account_exists": Remedy("fix", "The id is an account's already.", "Choose another id."),
    "account_not_active": Remedy(
        "operator", "The account is suspended or closed and takes no requests.", "Have the account reactivated."
    ),
    "package_unknown": Remedy("fix", "No package has this code.", "Choose one of those named."),
    "package_unchanged": Remedy("fix", "It is the account's package already.", "Nothing is to be done."),
    "reseller_not_self_service": Remedy(
        "operator", "Reseller is a contract, not a choice.", "Ask the operator to assign it."
    ),
    "reseller_api_only": Remedy(
        "fix", "The request came on the channel console.", "Send it on the channel api or bus."
    ),
    "contract_terms_missing": Remedy(
        "fix", "A reseller account was to be made without its terms.", "Name price and caps with the package."
    ),
    "contract_terms_not_applicable": Remedy(
        "fix", "Terms were named for a package that has a list price.", "Leave the terms out, or choose reseller."
    ),
    "package_too_small": Remedy(
        "fix",
        "What is used and reserved exceeds a cap of the smaller package; each cap is a finding.",
        "Free as many as the finding says, then change; a mailbox about to be deleted still counts.",
    ),
    "plan_unknown": Remedy("fix", "The price list has no such plan.", "Choose one of those named."),
    "plan_unchanged": Remedy("fix", "It is the mailbox's plan already.", "Nothing is to be done."),
    "cap_reached": Remedy(
        "fix",
        "The package has no room for this: in use, or reserved for requests under way.",
        "Free something or change to a larger package; what is only reserved may be free again in minutes.",
    ),
    "quote_stale": Remedy(
        "fix",
        "The quote is unknown, expired or used, is for another request, or would not lead to its prices any more;"
        " `state` says which.",
        "Get a new quote by another dry run, and commit with that.",
    ),
    "quote_not_applicable": Remedy(
        "fix", "The request changes no price, so no quote can be for it.", "Send it without a quote's id."
    ),
    # invoices
    "account_reserved": Remedy("fix", "The id is one of the system's own.", "Choose an id that begins otherwise."),
    "house_only": Remedy("fix", "The request is about all accounts.", "Address it to the account that is named."),
    "seller_incomplete": Remedy(
        "operator", "Who issues the invoices is not configured.", "Set POSTKONTOR_SELLER_... for billing."
    ),
    "period_not_over": Remedy("again", "Only past months can be invoiced.", "Ask again when the month is over."),
    "address_missing": Remedy(
        "fix", "The account was parked: its invoice would lack an address.", "Complete the account's address."
    ),
    "tax_pending": Remedy(
        "operator",
        "The account was parked: who owes the VAT is not decided, mostly for want of a check of the VAT id.",
        "Record the result of the check; the next run goes on.",
    ),
    "price_list_unknown": Remedy(
        "operator", "The ledger names a price that no price list has.", "Put the price list back; never delete one."
    ),
    "invoice_negative": Remedy(
        "operator", "Corrections exceed what the month costs.", "Credit the earlier invoice instead."
    ),
    "invoice_too_large": Remedy(
        "operator", "The invoice has more lines than a message holds.", "Talk to the makers: it should not happen."
    ),
    "invoice_unknown": Remedy("fix", "The account has no invoice of this number.", "Compare number and account."),
    "not_an_invoice": Remedy("fix", "A credit note cannot be credited.", "Name the invoice."),
    "line_unknown": Remedy("fix", "The invoice has no such line.", "Take the line numbers from the invoice."),
    "credit_exceeds": Remedy("fix", "More was to be credited than the line has left.", "Credit what is left at most."),
    "nothing_to_credit": Remedy("fix", "The whole invoice is credited already.", "Nothing is to be done."),
    "vat_id_differs": Remedy(
        "again", "The account's VAT id changed while it was checked.", "Check the present one and record that."
    ),
    # domains
    "domain_unknown": Remedy(
        "fix",
        "This account has not claimed the domain. Whether another has is not told.",
        "Claim the domain, or correct its spelling.",
    ),
    "domain_unverified": Remedy(
        "fix", "The claim waits for its proof.", "Set the TXT record as shown; it is looked for by itself."
    ),
    "domain_password_missing": Remedy("fix", "Proven, but not active yet.", "Set the domain password."),
    "domain_not_active": Remedy(
        "fix", "The domain is contested, being removed, or removed.", "Wait for what is under way, or claim it anew."
    ),
    "record_after_claim": Remedy(
        "fix",
        "Said by dry runs as a note: which TXT record proves the name is settled by the claim.",
        "Claim the domain; the answer names the record.",
    ),
    "domain_already_claimed": Remedy("fix", "The claim exists.", "Go on from its state; nothing is to be claimed."),
    "domain_is_public_suffix": Remedy("fix", "Others register names under it.", "Claim the name below it."),
    "top_level_domain_unknown": Remedy("fix", "The Internet has no such ending.", "Correct the spelling."),
    "domain_is_special_use": Remedy("fix", "RFC 6761 keeps the name off the Internet.", "Claim another name."),
    "domain_has_mailboxes": Remedy(
        "fix",
        "Mailboxes or other addresses stand under it; one about to be deleted counts until it is gone.",
        "Delete them, mailboxes immediately; then remove the domain.",
    ),
    "domain_too_long": Remedy("fix", "No room is left for the name of the TXT record.", "Claim a shorter name."),
    "claim_lost": Remedy(
        "fix", "Another account proved the domain first.", "Ask its holder; claimed and proven anew, a transfer opens."
    ),
    "domain_claim_abandoned": Remedy(
        "fix", "Nobody proved it for two weeks; the record is still the same.", "Set the record and ask for a check."
    ),
    "domain_proof_lapsed": Remedy(
        "fix",
        "The record was missing for days. Mail goes on; only new addresses are stopped.",
        "Set the record again and ask for a check.",
    ),
    "no_transfer": Remedy(
        "fix", "Nothing is open that this account decides about.", "Look at the domain: its view shows its transfer."
    ),
    "claimant_ambiguous": Remedy("fix", "Several accounts have proven the name.", "Name the account that gets it."),
    # mailboxes
    "mailbox_unknown": Remedy(
        "fix",
        "The account has no such mailbox; an alias is none. Whether another account has is not told.",
        "Name the mailbox's own address.",
    ),
    "address_taken": Remedy(
        "fix",
        "The address is a mailbox, an alias, an address that only forwards, or the domain's catch-all.",
        "Choose another address, or free this one first.",
    ),
    "address_quarantined": Remedy(
        "again",
        "Another account had the address, or the one without its tag, and its mail must not reach a stranger.",
        "Choose another address, or ask again after the time that is named.",
    ),
    "deletion_scheduled": Remedy(
        "fix", "It has a day already.", "Name a day to move it, delete immediately, or undelete."
    ),
    "deletion_day": Remedy("fix", "The day has begun, or is too far off.", "Name a day in between, or immediately."),
    "password_missing": Remedy(
        "fix",
        "A mailbox needs a password; only a dry run may leave it out, and is told so by a note.",
        "Send the password's hash with the request.",
    ),
    "password_hash_too_weak": Remedy(
        "fix", "Who steals the hash would guess the password cheaply.", "Hash it again at the least cost or above."
    ),
    "password_hash_too_costly": Remedy(
        "fix", "Every login on the mail server would pay for it.", "Hash it again at the most or below."
    ),
    "password_scheme_not_accepted": Remedy(
        "fix", "The operator does not take this scheme.", "Hash it by one that is named."
    ),
    "mailbox_state": Remedy(
        "fix",
        "A mailbox about to be deleted, deleted or suspended does not take this request.",
        "Undelete or reactivate it first.",
    ),
    "alias_unknown": Remedy("fix", "The mailbox has no such alias.", "Name an alias that it has."),
    "forwarding_loop": Remedy(
        "fix",
        "Mail would come back by the way that is named, through aliases, forwardings or the catch-all.",
        "Change one of the stations.",
    ),
    "forwarding_too_wide": Remedy(
        "fix", "So many addresses follow that circles cannot be ruled out.", "Forward over fewer stations."
    ),
    "forward_only_unknown": Remedy(
        "fix", "The account has no such address that only forwards.", "A mailbox's forwardings are set at the mailbox."
    ),
    "catch_all_unknown": Remedy("fix", "The domain has no catch-all in this account.", "Nothing is to be done."),
    "lists_too_long": Remedy(
        "fix", "The lists do not fit into one message any more.", "Shorten one; a domain blocks more than addresses."
    ),
    "too_many_targets": Remedy("fix", "The answer about all targets is too long.", "Send several smaller requests."),
    "reservation_expired": Remedy(
        "again", "The request was under way for longer than its room is kept.", "Send it again under a new id."
    ),
    "group_exists": Remedy("fix", "The account has a group of this name.", "Set its members, or choose another name."),
    "group_unknown": Remedy("fix", "The account has no group of this name.", "Make it, or correct its name."),
    "member_unknown": Remedy("fix", "A member is no mailbox of the account.", "Name mailboxes by their own addresses."),
    "member_without_groupware": Remedy(
        "fix", "The member's plan has no groupware.", "Put the mailbox on a plan with groupware first."
    ),
    "plan_needed_by_group": Remedy(
        "fix", "The mailbox is in a group that needs groupware.", "Take it out of the group, or choose another plan."
    ),
}

_KNOWN.update({code: Remedy(cast("Who", who), meaning, step) for code, (who, meaning, step) in MORE_REMEDIES.items()})
# In the order of the codes.
REMEDIES: dict[str, Remedy] = {code: _KNOWN[code] for code in CODES if code in _KNOWN}
