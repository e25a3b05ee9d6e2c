"""Writes docs/domains.md: what becomes of claims, proofs and transfers, for those who integrate and support.

python -m services.domain.handbook            write it
python -m services.domain.handbook --check    exit 1 if it is not what the code says
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar, get_args

from contracts import documents
from contracts.domain_v1 import DomainState, ProofStanding, TransferState
from services.domain.holds import Terms
from services.domain.lifecycle import LIFE_CYCLE, PROOF_LADDER, TRANSFER_COURSE, Look, TransferStep, Trigger
from services.domain.proof import APART, DOUBTFUL, GRACE, NOES_TO_LAPSE, REMINDER_HOURS
from services.domain.rows import WAITING
from services.domain.transfers import TIME_TO_ANSWER

S = TypeVar("S", bound=str)
T = TypeVar("T", bound=str)
COMMAND = "python -m services.domain.handbook"
PATH = documents.DOCS / "domains.md"

_STATES: dict[DomainState, str] = {
    "claimed": "the customer sets the TXT record; we look for it by ourselves",
    "abandoned": "nobody looks; the customer asks for a check or claims again: same record, same password",
    "contested": "another account holds the name: the holder answers, or the operator decides",
    "verified": "the customer sets the domain password",
    "active": "nobody; mailboxes can be made",
    "removing": "mailbox says whether something stands under the domain, or deletes it when its day has come",
    "lost": "another account holds the name; the customer may claim it anew",
    "removed": "given up; claimed anew, it begins with a new record",
}
_TRIGGERS: dict[Trigger, str] = {
    "claim": "claimed anew",
    "resume": "claimed again, validation asked for, or a look that goes on",
    "looks_ended": "the last look by schedule, 14 days after the customer's last act",
    "proof": "own proof, nobody holds the name",
    "late_proof": "own proof, another holds the name, or it is kept free for another",
    "rival_proof": "another account's first proof",
    "proof_gone": "a claimant's proof lapsed, or was not there when the name was free for it",
    "decided_against": "the operator decided for the holder",
    "password": "a domain password is there",
    "remove": "given up by its account, by consent, or by the operator's decision",
    "vacated": "mailbox: nothing stands under it, or nothing any more",
    "occupied": "mailbox: something stands under it",
    "kept": "its removal with mailboxes was taken back, and mailbox has them back",
}
_LOOKS: dict[Look, str] = {
    "confirmed": "the record was seen",
    "no": "the first authoritative no",
    "last_no": f"a no that makes {NOES_TO_LAPSE}, {GRACE / timedelta(hours=1):.0f} hours or more after the warning",
}
_STEPS: dict[TransferStep, str] = {
    "objection": "the holder objects",
    "no_answer": f"{TIME_TO_ANSWER / timedelta(hours=1):.0f} hours without an answer",
    "grant": "the holder has left; this claimant's proof is looked for once more",
}

_WAITING = """## Requests that wait

Mailboxes, aliases, addresses that only forward and catch-alls need active domains. A request for them that says
`when_unverified: hold` (`--hold` on the command line) is not refused while a domain that its account has claimed is
{states}, or `active` with a lapsed proof. It is accepted
(`domain.request-parked`, also to who waits for an answer) and waits; its outcome follows, once. A domain that is
unknown, another account's, lost or given up is a refusal as ever, and so is an account that may ask for nothing.

- When its domains are active it goes on by itself, as if it were sent then, under its own id.
- Order: a request stands in the line of every domain that it concerns: those of its addresses, and that of the mailbox
  that they are for. It goes on when none of them is waited for and nobody of its account is before it in any of these
  lines. So requests of an account that concern the same domain and say `hold` are carried out in the order of their
  arrival. One that waits for a second domain keeps those behind it waiting, unless it is cancelled. While a line is not
  empty, further `hold` requests stand at its end, also if the domain is active. Requests that do not say `hold` never
  wait.
- After {days} days (`POSTKONTOR_HOLD_DAYS`) it is refused with `hold_expired` and the next step; that the claim is
  abandoned meanwhile ends nothing earlier.
- When a domain of its addresses is lost or given up it is refused with `claim_lost`, `domain_unknown` or, while the
  removal is under way, `domain_not_active`; when its turn comes while the account may ask for nothing, with that
  reason.
- An account can have {most} requests waiting (`POSTKONTOR_HOLDS_PER_ACCOUNT`), then `too_many_holds`.

`postkontor hold list` (the question `domain.holds`) shows what waits, in order and for what. `postkontor hold cancel`
(`domain.cancel-hold`) takes a request back, which ends as refused with `hold_cancelled`. The same request id sent again
hears again that it waits. A request with a password waits with its hash in the worker's table `domain.hold`, shown
nowhere and deleted when the request goes on or ends."""


_REMOVAL = """\
## A domain that is given up with its mailboxes

`postkontor domain remove DOMAIN` is refused while anything stands under the domain. With `--with-mailboxes` that goes
too: its mailboxes, the aliases that others of the account have under it, addresses that only forward, the catch-all.
When, is said as for a single mailbox: `--on DAY`, `--immediately`, or else after the grace
(`POSTKONTOR_DELETION_GRACE_DAYS`, 14).

- At once the domain is `removing`: nothing new can be made under it. `domain.domain-removal-started` names the day and
  how many mailboxes and other addresses go.
- Until the day its mailboxes are `deleting`, as each would be by its own deletion: locked, kept, charged. Other
  addresses work on. A mailbox whose deletion the customer had scheduled before keeps its own day, if that is earlier.
  Meanwhile a single mailbox can be deleted immediately, but neither be had back nor get another day
  (`domain_being_removed`).
- From the day on everything is deleted, 100 things at a time, so that other requests go on; each with its own fact, so
  that it is charged and counted as a single deletion. Gone is when it was to be gone, however long that takes. At last
  `domain.domain-removed` ends the request.
- The same again with another day, or `--immediately`, moves the day; all these requests end together.
- `postkontor domain keep DOMAIN` takes it back as long as the day has not come: `domain.domain-kept` ends this and the
  requests for the removal. What the removal had scheduled is had back, and nothing else. What passes to another
  account by a transfer cannot be kept so (`domain_given_away`).

`mailbox.domain-removal-progress` tells how far it is, at every new phase and every two seconds, and so does the
question `mailbox.domain-removal`. What is left is counted, not estimated: it is the counters of what stands there.
"""


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    return documents.keep(PATH, handbook(), COMMAND, arguments)


def handbook() -> str:
    """Return the document."""
    return documents.text_of(_lines())


def _lines() -> Iterator[str]:
    yield "# What becomes of a domain"
    yield ""
    yield f"Written by `{COMMAND}` from the code; a test compares them. What is not in a table changes nothing."
    yield ""
    yield "## A claim"
    yield ""
    yield from documents.table(("state", "who acts next"), _STATES.items())
    yield ""
    yield from _steps("state", LIFE_CYCLE, _TRIGGERS, get_args(DomainState))
    yield ""
    yield _REMOVAL
    yield "## The proof of a held or contested domain"
    yield ""
    yield f"Noes less than {APART / timedelta(hours=1):.0f} hours apart count once. What could not be asked, and the"
    yield f"codes {', '.join(f'`{code}`' for code in sorted(DOUBTFUL))}, move nothing and forget nothing."
    yield "A lapsed proof stops new mailboxes and aliases (`domain_proof_lapsed`); mail, data, features, password and"
    yield "removal go on. A claimant whose proof lapses loses the transfer instead."
    yield ""
    yield from _steps("proof", PROOF_LADDER, _LOOKS, get_args(ProofStanding))
    yield ""
    hours = ", ".join(map(str, REMINDER_HOURS))
    yield f"While a claim is unproven, reminders come {hours} hours after it, each once; the first only for what the"
    yield "customer must correct. They begin anew when an abandoned claim is resumed, and when a transfer has ended for"
    yield "want of its claimant's proof."
    yield ""
    yield "## A transfer"
    yield ""
    yield "It opens when an account proves a name that another holds, and ends when that claim is no longer"
    yield "`contested`. Time alone gives it to nobody. Whose transfer is the oldest has the first turn when the holder"
    yield "leaves, unless the operator chose another. The name is kept free for that claimant until his proof is seen"
    yield f"once more; a no, or {TIME_TO_ANSWER / timedelta(hours=1):.0f} hours without a yes, pass the turn on."
    yield ""
    yield "The holder answers with `postkontor domain transfer DOMAIN --consent` or `--object`. The operator decides"
    yield "with `postkontor domain decide-transfer DOMAIN --to holder` or `--to claimant`, the holder's account being"
    yield "chosen by `--account`. Giving the name up, by consent or decision, is refused while mailboxes are under it,"
    yield "unless `--with-mailboxes` says that they go too, as in a removal. That is the only way to another account,"
    yield "so nobody's mailboxes ever stand under a name that somebody else holds."
    yield ""
    yield from _steps("transfer", TRANSFER_COURSE, _STEPS, get_args(TransferState))
    yield ""
    yield from _waiting()


def _waiting() -> Iterator[str]:
    days = f"{Terms.patience / timedelta(days=1):.0f}"
    states = ", ".join(f"`{state}`" for state in sorted(WAITING))
    yield from _WAITING.format(days=days, most=Terms.most, states=states).splitlines()


def _steps(what: str, table: Mapping[tuple[S, T], S], words: Mapping[T, str], order: Sequence[S]) -> Iterator[str]:
    rows = sorted(table.items(), key=lambda step: (order.index(step[0][0]), list(words).index(step[0][1])))
    yield from documents.table(
        (what, "what happens", "becomes"), ((f"`{a}`", words[b], f"`{to}`") for (a, b), to in rows)
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
