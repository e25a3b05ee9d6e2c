"""The proof: which value is wanted where, and whether a TXT value is it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.dnscheck.observation import ServerAnswer

_QUOTES = ('""', "“”", "„“", "„”", "‘’", "‚‘")
_ASCII_SPACE = " \t\r\n\f\v"
PREFIX = "token="
_TOKEN = re.compile(r"[a-z2-7]{32}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTxt:
    """The proof: any of `tokens` at `name`. The first is the one to publish; the others only explain a no."""

    name: str
    tokens: tuple[str, ...]
    old_tokens: tuple[str, ...] = ()
    others_tokens: tuple[str, ...] = ()  # of what was seen: those of other accounts
    own_tokens: tuple[tuple[str, str], ...] = ()  # of what was seen: those of the account's other domains, with these


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A TXT value taken apart: what is compared, and what was tolerated on the way."""

    token: str
    notes: tuple[str, ...] = ()


def read_token(value: str) -> ReadToken:
    """Strip what forms and people add around a token: blanks, one pair of quotes, `token=` in any case, capitals."""
    notes: list[str] = []
    core = value.strip(_ASCII_SPACE)
    if core != value:
        notes.append("value_whitespace")
    if len(core) >= 2 and core[0] + core[-1] in _QUOTES:
        core = core[1:-1].strip(_ASCII_SPACE)
        notes.append("value_quoted")
    if core[: len(PREFIX)].lower() == PREFIX:
        core = core[len(PREFIX) :]
    else:
        notes.append("value_without_prefix")
    if core.isascii() and core != core.lower():  # other alphabets have letters that fold to ASCII ones
        core = core.lower()
        notes.append("value_case_changed")
    return ReadToken(core, tuple(notes))


def looks_like_token(token: str) -> bool:
    """Whether a text could be a token of anybody: 160 bits in base32 (R11)."""
    return _TOKEN.match(token) is not None


def is_proof(value: str, expected: ExpectedTxt) -> bool:
    """Whether a TXT value is a token that is wanted."""
    return read_token(value).token in expected.tokens


def carries_proof(answer: ServerAnswer, expected: ExpectedTxt) -> bool:
    """Whether an authoritative answer holds a token that is wanted."""
    return answer.aa and any(is_proof(value, expected) for value in answer.values)
