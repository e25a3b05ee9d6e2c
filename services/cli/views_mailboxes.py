"""How the history of features, backups and passwords look."""

from typing import TYPE_CHECKING

from contracts.values import address_for_people
from services.cli.terminal import local_time, size, table

if TYPE_CHECKING:
    from contracts.backups_v1 import BackupView, RestoreView
    from contracts.features_v1 import FeatureChange
    from contracts.mailbox_v1 import FeatureState
    from contracts.passwords_v1 import PasswordTarget, WeakPassword
    from contracts.spam_v1 import SpamView
    from services.cli.desk import Desk


def show_history(desk: "Desk", changes: "list[FeatureChange]") -> None:
    """Print changes, the latest first, each in two lines: a table with request ids is too wide for most terminals."""
    for one in changes:
        target, kind = address_for_people(one.target), desk.word(f"change_{one.kind}")
        lines = [
            f"{local_time(one.at)}  {target}  {kind}  ({one.channel}, {one.request_id})",
            f"    {_state(one.before)} → {_state(one.after)}",
        ]
        if one.own_settings:
            lines.append(f"    {desk.sentence('own_sets', count=f'{one.own_settings:+d}')}")
        desk.console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def show_backups(desk: "Desk", backups: "list[BackupView]", running: "RestoreView | None") -> None:
    """Print backups, the latest first, and a restore that is under way."""
    rows = [
        (one.snapshot, local_time(one.taken_at), size(one.bytes), one.messages, local_time(one.restorable_until))
        for one in backups
    ]
    desk.console.print(table(desk, ("backup", "taken", "size", "mails", "restorable_until"), rows))
    if running is not None:
        desk.note(desk.sentence("restore_runs", backup=running.snapshot, until=local_time(running.answer_by)))


def show_weak_passwords(desk: "Desk", mailboxes: "list[WeakPassword]") -> None:
    """Print mailboxes whose hashes are too weak, one a line."""
    rows = [
        (
            address_for_people(one.address),
            local_time(one.password_set_at),
            local_time(one.password_change_by) if one.password_change_by else "",
            desk.text(one.reason.text),
        )
        for one in mailboxes
    ]
    desk.console.print(table(desk, ("address", "password_set", "password_change_by", "reason"), rows))


def show_password_targets(desk: "Desk", targets: "tuple[PasswordTarget, ...]") -> None:
    """Print until when logins go on without a new password."""
    rows = [
        (
            address_for_people(one.target),
            f"{one.refusal.code}: {desk.text(one.refusal.text)}" if one.refusal else _by(one),
        )
        for one in targets
    ]
    desk.console.print(table(desk, ("target", "password_change_by"), rows))


def spam_in_words(desk: "Desk", spam: "SpamView | None") -> str:
    """Write how a mailbox treats spam in a line; nothing where it does as the mail server does."""
    if spam is None:
        return ""
    return desk.sentence(
        "spam_tuned",
        junk=spam.junk_tenths / 10,
        reject="–" if spam.reject_tenths is None else spam.reject_tenths / 10,
        folder=desk.word("to_junk" if spam.to_junk else "to_inbox"),
        allowed=", ".join(address_for_people(sender) for sender in spam.allowed_senders) or "–",
        active=desk.word("spam_active" if spam.active else "spam_inactive"),
    )


def _by(target: "PasswordTarget") -> str:
    return local_time(target.password_change_by) if target.password_change_by else "–"


def _state(state: "FeatureState") -> str:
    return f"{', '.join(state.on) or '–'} ({state.origin})"
