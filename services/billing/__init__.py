"""billing: accounts, packages, plans, prices, and the room that every account has.

Owns
    account     who the customer is, its package and its prices
    capacity    one counter with its cap per account and resource: `mailbox`, `alias_forward`, `group`, `plan.<code>`
    holding     one thing that takes room: `mailbox/<address>`, `alias/<address>`, `forwarding/<address>`,
                `group/<name>`

Hears, as orders
    open-account, assign-package (operator), update-account, change-package
    claim-domain                          first station: may this account claim? then on to domain
    create-mailbox, add-aliases           from domain: price and reserve, then on to mailbox
    change-plan, set-forwardings, create-group
                                          first station: price and reserve, then on to mailbox

Hears, as facts of mailbox
    mailbox-created, plan-changed, mailbox-deleted, aliases-changed, forwardings-set, group-created, group-deleted,
    request-refused: what was reserved is in use now, or free again

Says
    account-opened, account-updated, package-changed
    capacity-reserved, capacity-confirmed, capacity-released, each with all counters of the account after it

Where to read
    capacity.py   the room: reserve, confirm, release, expire; the caps hold here
    rules.py      accounts and packages
    pricing.py    the price lists in catalogue/, one file per version
    booking.py    the rows of a message: counters and holdings change together, and one fact states it
    views.py      aggregates as the contracts show them
    handlers.py   message -> rows, rule, fate
    store.py      the SQL
"""
