"""Tell growth from breakage: compare the present schemas with the released ones.

    python -m contracts.compatibility              exit 1 when something breaks
    python -m contracts.compatibility --release    make the present state the released one, if nothing breaks

Requests and questions are read by us, and programs that we do not know send them: they may only become more lenient.
Facts and answers are read by others, and facts stand in the stream for 90 days: they may only promise more, and what
was written yesterday has to be readable tomorrow. Hand-overs travel between workers of two releases during an upgrade,
in both directions: both rules hold.

A change that is not growth is a new version beside the old one. Before the very first release there is nobody to
break: remove contracts/released and contracts/golden, generate, release.
"""

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from contracts.asyncapi_document import CONTRACTS_VERSION
from contracts.evolution import RETIRED
from contracts.json_schema import Schema
from contracts.releases import HERE, RELEASED, release, released_version, rewritten, schemas_below

COMMAND = "python -m contracts.compatibility"
LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
FORMS = ("pattern", "format", "uniqueItems")  # no order between two values: another one counts as narrower


@dataclass(frozen=True)
class Change:
    """One difference that matters. `rule` is stable, `sentence` says what it does to whom."""

    severity: Literal["breakage", "warning"]
    rule: str
    message: str
    field: str
    sentence: str

    def __str__(self) -> str:
        """Return the line to print."""
        return f"{self.severity}: {self.message}: {self.field}: {self.sentence} [{self.rule}]"


def main(arguments: list[str]) -> int:
    """Compare, print, and release if asked to; return the exit code."""
    if unknown := [argument for argument in arguments if argument != "--release"]:
        print(f"unknown argument {unknown[0]}; usage: {COMMAND} [--release]", file=sys.stderr)
        return 2
    first = not RELEASED.exists()
    changes = [] if first else compare_releases(schemas_below(RELEASED / "schemas"), schemas_below(HERE / "schemas"))
    changes += [
        Change("breakage", "golden-rewritten", name, "*", "this released golden message was rewritten or removed")
        for name in rewritten()
    ]
    for change in changes:
        print(change, file=sys.stderr)
    if any(change.severity == "breakage" for change in changes):
        print("a change that is not growth is a new version beside the old one, with an upcaster", file=sys.stderr)
        return 1
    if "--release" in arguments:
        release(CONTRACTS_VERSION)
    print(f"compatible with {released_version()}" if RELEASED.exists() else "nothing is released yet")
    return 0


def compare_releases(
    released: dict[str, Schema], present: dict[str, Schema], retired: Collection[str] = RETIRED
) -> list[Change]:
    """Return what changed between two sets of schemas, by their paths; new messages and new versions are growth.

    A version may go when it is `retired` and a newer one is there.
    """
    changes: list[Change] = []
    for path, old in released.items():
        if path in present:
            changes += compare_messages(old, present[path])
        elif path.removesuffix(".json") in retired and _has_newer(path, present):
            sentence = f"this version of a {old['x-message']} is retired; who still uses it has to go on to the next"
            changes.append(Change("warning", "message-retired", _name(old), "*", sentence))
        else:
            sentence = f"this {old['x-message']} was removed; a program that uses it finds nobody"
            changes.append(Change("breakage", "message-removed", _name(old), "*", sentence))
    return changes


def compare_messages(old: Schema, new: Schema) -> list[Change]:
    """Return what changed in one message, with its envelope."""
    role, now = old["x-message"], new["x-message"]
    if role != now:
        return [Change("breakage", "role-changed", _name(old), "*", f"this was a {role} and is a {now} now")]
    comparison = _Comparison(
        message=_name(old),
        old=old,
        new=new,
        read=role in ("request", "question", "hand-over"),
        written=role in ("fact", "answer", "hand-over"),
    )
    return list(dict.fromkeys(comparison.changes(old, new, "")))


@dataclass(frozen=True)
class _Comparison:
    """Two versions of one message. `read`: by us; `written`: by us, for others to read. A hand-over is both."""

    message: str
    old: Schema
    new: Schema
    read: bool
    written: bool
    inside: frozenset[tuple[int, int]] = frozenset()  # the objects around; a shape that holds itself is compared once

    def changes(self, old: Schema, new: Schema, field: str) -> Iterator[Change]:
        """Yield what changed between two schemas of a field, and below it."""
        olds, news = _alternatives(old, self.old), _alternatives(new, self.new)
        yield from self._types(set(olds), set(news), field)
        for kind in sorted(olds.keys() & news.keys()):
            before, after = olds[kind], news[kind]
            yield from self._values(before, after, field)
            yield from self._bounds(before, after, field)
            yield from self._forms(before, after, field)
            pair = (id(before), id(after))
            if before.get("type") == "array":
                yield from self.changes(before.get("items", {}), after.get("items", {}), f"{field}[]")
            if before.get("type") == "object" and pair not in self.inside:
                yield from replace(self, inside=self.inside | {pair})._object(before, after, field)

    def _types(self, old: set[str], new: set[str], field: str) -> Iterator[Change]:
        if "number" in new and "number" not in old:
            new = new | {"integer"}  # every integer is a number
        if "anything" in new:
            new = new | old
        lost, gained = sorted(old - new), sorted(new - old)
        if lost:
            to_whom = "what was sent as it is refused" if self.read else "what was written before cannot be read"
            yield self._breakage("type-changed", field, f"no longer takes {', '.join(lost)}: {to_whom}")
        elif gained and self.written:
            yield self._breakage("type-changed", field, f"may now be {', '.join(gained)}, which readers do not expect")

    def _values(self, old: Schema, new: Schema, field: str) -> Iterator[Change]:
        before, after = _values(old), _values(new)
        if after is not None and (before is None or before - after):
            lost = "any other value" if before is None else _listed(before - after)
            whom = "senders of it are refused" if self.read else "facts written before still say it"
            yield self._breakage("value-removed", field, f"no longer takes {lost}; {whom}")
        if self.written and before is not None and (after is None or after - before):
            gained = "any value" if after is None else _listed(after - before)
            sentence = f"may now say {gained}; readers that branch on it meet a value they do not know: tell them first"
            yield self._warning("value-added", field, sentence)

    def _bounds(self, old: Schema, new: Schema, field: str) -> Iterator[Change]:
        for bound in (*LOWER_BOUNDS, *UPPER_BOUNDS):
            before, after = old.get(bound), new.get(bound)
            if before == after:
                continue
            higher = before is None or (after is not None and after > before)
            lower = before is None or (after is not None and after < before)
            narrower = after is not None and (higher if bound in LOWER_BOUNDS else lower)
            yield from self._tighter_or_looser(narrower, bound, before, after, field)

    def _forms(self, old: Schema, new: Schema, field: str) -> Iterator[Change]:
        for form in FORMS:
            before, after = old.get(form), new.get(form)
            if before != after:
                yield from self._tighter_or_looser(after is not None, form, before, after, field)

    def _tighter_or_looser(self, tighter: bool, word: str, before: Any, after: Any, field: str) -> Iterator[Change]:
        if tighter:
            whom = "what was valid may be refused" if self.read else "facts written before may not fit"
            yield self._breakage("narrowed", field, f"{word} was {_shown(before)} and is {_shown(after)}; {whom}")
        elif self.written:
            sentence = f"{word} was {_shown(before)} and is {_shown(after)}; readers may rely on the old one"
            yield self._warning("widened", field, sentence)

    def _object(self, old: Schema, new: Schema, field: str) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        must_before, must_now = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            if name not in after:
                yield from self._removed(old, f"{field}.{name}")
                continue
            if name in must_now - must_before and self.read:
                yield self._breakage("required", f"{field}.{name}", "must be given now; senders who leave it out fail")
            if name in must_before - must_now and self.written:
                sentence = "may be missing now; readers rely on it"
                yield self._breakage("no-longer-required", f"{field}.{name}", sentence)
            yield from self._default(before[name], after[name], f"{field}.{name}")
            yield from self.changes(before[name], after[name], f"{field}.{name}")
        for name in sorted(after.keys() - before.keys()):
            yield from self._added(new, name, must=name in must_now, field=f"{field}.{name}")
        yield from self._open_objects(old, new, field)

    def _removed(self, old: Schema, field: str) -> Iterator[Change]:
        if self.written:
            yield self._breakage("field-removed", field, "was removed; a program that reads it finds nothing")
        elif old.get("additionalProperties") is False:
            yield self._breakage("field-removed", field, "was removed; a program that sends it is refused")
        else:
            yield self._breakage("field-removed", field, "was removed; a program that sends it is no longer obeyed")

    def _added(self, new: Schema, name: str, *, must: bool, field: str) -> Iterator[Change]:
        if must and self.read:
            yield self._breakage("required", field, "is new and must be given; nobody sends it yet: give it a default")
        elif must:
            sentence = "is new and always there, but facts written before lack it: give it a default"
            yield self._breakage("required", field, sentence)
        elif self.read and self.written and new.get("additionalProperties") is False:
            sentence = (
                f"{name} is new in a strict part of a hand-over; upgrade the stations from the last to the first,"
                " or the older ones set the message aside"
            )
            yield self._warning("strict-part-grew", field, sentence)

    def _default(self, old: Schema, new: Schema, field: str) -> Iterator[Change]:
        if self.read and "default" in old and "default" in new and old["default"] != new["default"]:
            sentence = f"left out, it meant {old['default']!r} and means {new['default']!r} now"
            yield self._breakage("default-changed", field, sentence)

    def _open_objects(self, old: Schema, new: Schema, field: str) -> Iterator[Change]:
        before: Any = old.get("additionalProperties", True)
        after: Any = new.get("additionalProperties", True)
        if after is False and before is not False and self.read:
            yield self._breakage("closed", f"{field}.*", "unknown fields were ignored and are refused now")
        if isinstance(before, dict) and isinstance(after, dict):
            yield from self.changes(cast("Schema", before), cast("Schema", after), f"{field}.*")
        elif before is True and isinstance(after, dict) and after:
            yield self._breakage("narrowed", f"{field}.*", "any value was taken and only some are now")
        elif isinstance(before, dict) and before and after is True and self.written:
            yield self._warning("widened", f"{field}.*", "may hold any value now; readers may rely on the old ones")
        keys_before, keys_after = old.get("patternProperties", {}), new.get("patternProperties", {})
        if keys_before.keys() != keys_after.keys():
            yield self._breakage("narrowed", f"{field}.*", "the form of the keys changed")
        for keys in keys_before.keys() & keys_after.keys():
            yield from self.changes(keys_before[keys], keys_after[keys], f"{field}.*")

    def _breakage(self, rule: str, field: str, sentence: str) -> Change:
        return Change("breakage", rule, self.message, field.lstrip(".") or "*", sentence)

    def _warning(self, rule: str, field: str, sentence: str) -> Change:
        return Change("warning", rule, self.message, field.lstrip(".") or "*", sentence)


def _alternatives(schema: Schema, document: Schema) -> dict[str, Schema]:
    """Return what a field may be, by JSON type. `anything` stands for a schema that says nothing about the type."""
    if "$ref" in schema:
        return _alternatives(document["$defs"][schema["$ref"].removeprefix("#/$defs/")], document)
    if "anyOf" in schema:
        found: dict[str, Schema] = {}
        for choice in schema["anyOf"]:
            for kind, alternative in _alternatives(choice, document).items():
                found[f"another {kind}" if kind in found else kind] = alternative
        return found
    return {schema.get("type", "anything"): schema}


def _values(schema: Schema) -> set[Any] | None:
    """Return the values a field may have, None for no such list."""
    if "const" in schema:
        return {schema["const"]}
    return set(schema["enum"]) if "enum" in schema else None


def _has_newer(path: str, present: Collection[str]) -> bool:
    name, _, version = path.removesuffix(".json").rpartition(".v")
    others = (other.removesuffix(".json").rpartition(".v") for other in present)
    return any(other == name and int(number) > int(version) for other, _, number in others)


def _name(schema: Schema) -> str:
    return schema["$id"].rpartition(":")[2]


def _listed(values: set[Any]) -> str:
    return ", ".join(sorted(repr(value) for value in values))


def _shown(value: Any) -> str:
    return "not set" if value is None else repr(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
