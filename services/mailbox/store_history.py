"""SQL of the history of features. Of each target its latest changes are kept (terms.py says how many)."""

from typing import Any

from contracts.features_v1 import FeatureChange as ShownChange
from contracts.mailbox_v1 import FeatureState, OwnFeatures
from services.chassis.book import Change, Conn
from services.mailbox.columns import execute, lines
from services.mailbox.history import FeatureChange, History, HistoryKey
from services.mailbox.terms import TERMS

_COLUMNS = """
    kind, at, request_id, channel, before_on, before_origin, before_own, before_epoch, after_on, after_origin,
    after_own, after_epoch, own_settings"""

# The latest change of some targets.
_LOAD_LATEST = f"""
    SELECT DISTINCT ON (h.account, h.target) h.account, h.target, h.place, {_COLUMNS}
    FROM mailbox.feature_change AS h
    JOIN unnest($1::text[], $2::text[]) AS r (account, target) ON h.account = r.account AND h.target = r.target
    ORDER BY h.account, h.target, h.place DESC"""  # noqa: S608

# Changes, in the order in which they came about.
_ADD = """
    INSERT INTO mailbox.feature_change (
        account, target, place, kind, at, request_id, channel, before_on, before_origin, before_own, before_epoch,
        after_on, after_origin, after_own, after_epoch, own_settings)
    SELECT
        r.account, r.target, r.place, r.kind, r.at, r.request_id, r.channel, string_to_array(r.before_on, E'\\n'),
        r.before_origin, string_to_array(r.before_own, E'\\n'), r.before_epoch, string_to_array(r.after_on, E'\\n'),
        r.after_origin, string_to_array(r.after_own, E'\\n'), r.after_epoch, r.own_settings
    FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::uuid[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bigint[]
    ) WITH ORDINALITY AS r (
        account, target, place, kind, at, request_id, channel, before_on, before_origin, before_own, before_epoch,
        after_on, after_origin, after_own, after_epoch, own_settings, position)
    ORDER BY r.position"""

# Changes of some targets up to a place, which are one too many.
_FORGET = """
    DELETE FROM mailbox.feature_change AS h
    USING unnest($1::text[], $2::text[], $3::bigint[]) AS r (account, target, place)
    WHERE h.account = r.account AND h.target = r.target AND h.place <= r.place"""

# A page of the changes of some targets, the latest first.
_PAGE = f"""
    SELECT h.number, h.target, {_COLUMNS} FROM mailbox.feature_change AS h
    WHERE h.account = $1 AND h.target = ANY($2::text[]) AND ($3::bigint IS NULL OR h.number < $3)
    ORDER BY h.number DESC LIMIT $4"""  # noqa: S608


class Histories:
    """Changes of features by account and target. Only a message that undoes or changes names them."""

    name = "mailbox.feature_change"

    async def load(self, conn: Conn, keys: list[HistoryKey]) -> dict[HistoryKey, History]:
        """Return what was last changed. Nothing is locked: an account's changes come by one lane."""
        rows = await conn.fetch(_LOAD_LATEST, [account for account, _ in keys], [target for _, target in keys])
        return {(row["account"], row["target"]): History(_change(row), row["place"]) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[HistoryKey, History]]) -> None:
        """Add the batch's changes, and forget what is too old then."""
        changed = [(change.key, change.after) for change in changes if change.after]
        added = [
            _values(key, history.changes - len(history.added) + place, change)
            for key, history in changed
            for place, change in enumerate(history.added, 1)
        ]
        await execute(conn, _ADD, sorted(added, key=lambda row: row[4]))
        too_old = [(*key, history.changes - TERMS.feature_changes) for key, history in changed]
        await execute(conn, _FORGET, [row for row in too_old if row[2] > 0])


HISTORIES = Histories()


async def changes_before(
    conn: Conn, account: str, targets: list[str], number: int | None, limit: int
) -> list[ShownChange]:
    """Return changes of some targets, the latest first."""
    rows = await conn.fetch(_PAGE, account, targets, number, limit)
    return [_shown(row) for row in rows]


def _values(key: HistoryKey, place: int, change: FeatureChange) -> tuple[Any, ...]:
    states = (*_columns_of(change.before), *_columns_of(change.after))
    return (*key, place, change.kind, change.at, change.request_id, change.channel, *states, change.own_settings)


def _columns_of(state: FeatureState) -> tuple[Any, ...]:
    own = state.own
    return lines(state.on), state.origin, own and lines(own.on), own and own.epoch


def _change(row: Any) -> FeatureChange:
    before, after = _state(row, "before"), _state(row, "after")
    return FeatureChange(
        row["kind"], row["at"], row["request_id"], row["channel"], before, after, row["own_settings"]
    )  # fmt: skip


def _shown(row: Any) -> ShownChange:
    return ShownChange(
        number=row["number"],
        target=row["target"],
        kind=row["kind"],
        at=row["at"],
        request_id=row["request_id"],
        channel=row["channel"],
        before=_state(row, "before"),
        after=_state(row, "after"),
        own_settings=row["own_settings"],
    )


def _state(row: Any, side: str) -> FeatureState:
    own, epoch = row[f"{side}_own"], row[f"{side}_epoch"]
    known = None if own is None else OwnFeatures(on=tuple(own), epoch=epoch)
    return FeatureState(on=tuple(row[f"{side}_on"]), origin=row[f"{side}_origin"], own=known)
