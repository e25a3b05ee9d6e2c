"""What can be done about further refusals: bulk files, what is given up, requests that wait, backups."""

MORE_REMEDIES: dict[str, tuple[str, str, str]] = {
    # bulk files
    "bulk_unknown": ("fix", "The account has no bulk of this id.", "Look the id up in the list of bulks."),
    "bulk_differs": (
        "fix",
        "The id belongs to a bulk that was begun with another file.",
        "Hand the file in under an id of its own; the client derives it from the file.",
    ),
    "bulk_part_differs": (
        "fix", "The part was received before with other content.", "Hand in the file as it was at first."
    ),
    "bulk_miscounted": (
        "fix",
        "The parts hold another number of items than the bulk announced; nothing of it is carried out.",
        "Hand the file in anew under another id.",
    ),
    "bulk_over": ("fix", "Nothing can be added to or taken from a bulk that has ended.", "Hand in another file."),
    "bulk_kind_unknown": ("fix", "An item is none of the kinds that there are.", "Name one of the known kinds."),
    "bulk_item_lost": (
        "again",
        "No worker knows an outcome of this item, however often it was sent.",
        "Ask for it again, in another file or by itself.",
    ),
    # accounts that are suspended, closed, reopened
    "account_state": (
        "fix", "The request does not apply to the account's state.", "Look at the account's state; perhaps it is done."
    ),
    "account_closing": (
        "fix", "The account is being closed already.", "Name an earlier day, close it immediately, or reopen it."
    ),
    "account_closed": (
        "fix",
        "The id belonged to an account that was closed; ids are never given to another customer.",
        "Reopen it for the same customer, or choose another id.",
    ),
    "closure_under_way": (
        "again", "What the account has is being deleted.", "Wait for the end of the closure, then reopen the account."
    ),
    # domains that are given up with their mailboxes
    "removal_scheduled": (
        "fix", "The removal was asked for before.", "Name another day, give it up immediately, or keep the domain."
    ),
    "removal_under_way": (
        "again", "The day has come and deletion goes on.", "Wait for the domain's removal, then claim it anew."
    ),
    "no_removal": ("fix", "Nothing is there to be taken back.", "Look at the domain's state."),
    "domain_given_away": (
        "operator", "The domain is on its way to another account.", "Ask the operator, who decides about transfers."
    ),
    "domain_being_removed": (
        "fix", "The mailbox goes with its domain.", "Keep the domain, or delete the mailbox immediately."
    ),
    # requests that wait for a domain
    "hold_expired": (
        "fix",
        "The domain did not become active in time.",
        "Make the domain active, then send the request again under a new id.",
    ),
    "hold_cancelled": ("fix", "The waiting request was taken back.", "Send it again under a new id if it is wanted."),
    "hold_unknown": ("fix", "The request does not wait.", "Look its outcome up by its id."),
    "too_many_holds": (
        "fix", "The account has as many waiting requests as it may.", "Make domains active, or cancel waiting requests."
    ),
    # features and backups
    "feature_off": ("fix", "The holder may not do this while the feature is off.", "Switch the feature on."),
    "backup_unknown": ("fix", "The backup is not, or no longer, there.", "List the backups and choose one of them."),
    "backup_too_old": ("fix", "Backups are kept for six days at most.", "Delete it; as the mail store, confirm that."),
    "backup_in_the_future": (
        "operator", "The mail store's clock is ahead of ours.", "Set the clock, then report the backup again."
    ),
    "snapshot_exists": ("fix", "Backups of an account have names of their own.", "Report it under another name."),
    "restore_running": ("again", "One backup is restored at a time.", "Wait for the end of the other restore."),
    "restore_unknown": ("fix", "The restore has ended, or was not asked for.", "Nothing: the report came too late."),
    "restore_failed": (
        "operator", "The mail store says that it could not restore.", "Read the reason; the mail store's log says more."
    ),
    "restore_unanswered": (
        "operator", "The mail store said nothing in time.", "Look whether the mail store runs, then ask again."
    ),
    "no_mailboxes": ("fix", "Nothing under the domain could be meant.", "Name a domain with mailboxes."),
    "nothing_to_undo": ("fix", "No change of these features is remembered.", "Set the features instead."),
}  # fmt: skip
