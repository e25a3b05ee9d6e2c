"""Writes docs/domains.md: what becomes of claims, proofs and transfers, for those who integrate and support.

python -m services.domain.handbook            write it
python -m services.domain.handbook --check    exit 1 if it is not what the code says
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, get_args

from contracts.domain_v1 import DomainState, ProofStanding, TransferState
from services.domain.lifecycle import LIFE_CYCLE, PROOF_LADDER, TRANSFER_COURSE, Look, TransferStep, Trigger
from services.domain.proof import APART, DOUBTFUL, GRACE, NOES_TO_LAPSE, REMINDER_HOURS
from services.domain.transfers import TIME_TO_ANSWER

S = TypeVar("S", bound=str)
T = TypeVar("T", bound=str)
COMMAND = "python -m services.domain.handbook"
PATH = Path(__file__).parents[2] / "docs" / "domains.md"

_STATES: dict[DomainState, str] = {
    "claimed": "the customer sets the TXT record; we look for it by ourselves",
    "abandoned": "nobody looks; the customer asks for a check or claims again: same record, same password",
    "contested": "another account holds the name: the holder answers, or the operator decides",
    "verified": "the customer sets the domain password",
    "active": "nobody; mailboxes can be made",
    "removing": "mailbox says whether something stands under the domain",
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
    "vacated": "mailbox: nothing stands under it",
    "occupied": "mailbox: something stands under it",
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


def main(arguments: list[str]) -> int:
    """Write the document, or compare it; return the exit code."""
    wanted = handbook()
    if arguments == ["--check"]:
        is_current = PATH.exists() and PATH.read_text(encoding="utf-8") == wanted
        if not is_current:
            print(f"{PATH.name} is not what the code says: {COMMAND}", file=sys.stderr)
        return 0 if is_current else 1
    if arguments:
        print(f"unknown argument {arguments[0]}; usage: {COMMAND} [--check]", file=sys.stderr)
        return 2
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(wanted, encoding="utf-8")
    return 0


def handbook() -> str:
    """Return the document."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What becomes of a domain"
    yield ""
    yield f"Written by `{COMMAND}` from the code; a test compares them. What is not in a table changes nothing."
    yield ""
    yield "## A claim"
    yield ""
    yield from _table(("state", "who acts next"), _STATES.items())
    yield ""
    yield from _steps("state", LIFE_CYCLE, _TRIGGERS, get_args(DomainState))
    yield ""
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
    yield "chosen by `--account`. Giving the name up, by consent or decision, is refused while mailboxes are under it."
    yield ""
    yield from _steps("transfer", TRANSFER_COURSE, _STEPS, get_args(TransferState))


def _steps(what: str, table: Mapping[tuple[S, T], S], words: Mapping[T, str], order: Sequence[S]) -> Iterator[str]:
    rows = sorted(table.items(), key=lambda step: (order.index(step[0][0]), list(words).index(step[0][1])))
    yield from _table((what, "what happens", "becomes"), ((f"`{a}`", words[b], f"`{to}`") for (a, b), to in rows))


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
