"""Mailboxes: addresses, people, plans, aliases, forwardings, features, blocked senders, groupware groups.

Owns    mailboxes and their life cycle, the ownership of every address (mailboxes and aliases of all accounts), the
        quarantine of deleted addresses, the features of mailboxes and domains, groups.
Hears   from billing: everything about accounts (who may use the console, R3; whose groups end).
        Takes create-mailbox, add-aliases, change-plan, set-forwardings, set-forward-only, set-catch-all and
        create-group from billing, with room reserved for them; set-domain-features, undo-domain-features,
        remove-domain and keep-domain from domain; all other requests from outside.
Says    mailbox-created, person-renamed, person-erased, mailbox-password-set, plan-changed, aliases-changed,
        forwardings-set, features-set, features-undone, blocked-senders-changed, mailbox-suspended, mailbox-reactivated,
        mailbox-deletion-scheduled, mailbox-undeleted, mailbox-deleted, group-created, group-members-set,
        group-deleted, backup-recorded, backups-expired, backups-deleted, backup-restore-requested, backup-restored,
        restore-reported, spam-tuned, password-change-required, domain-vacated, domain-occupied,
        domain-removal-progress, domain-restored, request-refused.
Answers mailbox, mailboxes, features, feature-history, backups, overdue-backups, weak-passwords, groups, forward-only,
        catch-alls, domain-removal.

    rows.py      the aggregates
    terms.py     what an operator may want otherwise
    rules.py     what happens to a mailbox, and who owns an address
    deletion.py  the end of a mailbox: scheduled, taken back, carried out
    removal.py   a domain that goes with everything under it
    forwarding.py  addresses without a mailbox: those that only forward, and catch-alls
    flows.py     where mail goes on inside an account, and whether in a circle
    features.py  which features are on, whose setting that is, and what stands under a domain
    backups.py   which backups can be restored, and the course of a restore
    history.py   how a target's features came about
    passwords.py  passwords that have to be changed
    groups.py    groupware groups
    privacy.py   what is forgotten of a person
    views.py     the public state of the aggregates
    store.py     SQL that loads and writes; store_backups.py, store_domains.py, store_groups.py, store_forwarding.py,
                 store_history.py, store_passwords.py, store_removals.py and store_privacy.py further tables and
                 columns; columns.py: how rows cross; reads.py: SQL that answers questions
    handlers.py  messages: which rows they need, which rule decides; handlers_features.py, handlers_groups.py,
                 handlers_deletion.py, handlers_forwarding.py, handlers_removal.py, handlers_backups.py,
                 handlers_care.py and handlers_privacy.py go on
    queries.py   the answers to questions
    bookkeeping.py  a batch's rows in step with its mailboxes
    policy.py    a process beside the worker: refuses blocked senders when Postfix asks; screening.py: what is asked

What mail servers read are the views of the schema `mta`, made by migrations/0002: see docs/mailserver.md.
"""
