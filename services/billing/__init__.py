"""billing: accounts, packages, plans, prices, the room that every account has, and what it owes.

Owns
    account     who the customer is, its package and its prices
    capacity    one counter with its cap per account and resource: `mailbox`, `alias_forward`, `group`, `plan.<code>`
    holding     one thing that takes room: `mailbox/<address>`, `alias/<address>`, `forwarding/<address>`,
                `forward-only/<address>`, `catch-all/<domain>`, `group/<name>`
    ledger      every movement of a holding and every state of an account's terms, append-only
    closure     an account that is being closed: when, what is left, and which requests wait for it
    invoice     what a month cost, final; settlement: what became of an account's month; run: all accounts' months
    quote       what a dry run was told that its request would cost, until when, and which request has used it
    file        an invoice as XML and as PDF, rendered once

Hears, as orders
    open-account, assign-package, suspend-account, reactivate-account, close-account, reopen-account, record-vat-check,
    run-invoices, credit-invoice (operator), update-account, change-package
    invoice-part                          from billing itself: a part of a run, to the lane of its partition
    claim-domain                          first station: may this account claim? then on to domain
    create-mailbox, add-aliases, set-forward-only, set-catch-all
                                          from domain: price and reserve, then on to mailbox
    change-plan, set-forwardings, create-group
                                          first station: price and reserve, then on to mailbox

Hears, as facts of domain
    account-vacating, account-vacated: how many domains of an account that is being closed are left

Hears, as facts of mailbox
    mailbox-created, plan-changed, mailbox-deleted, aliases-changed, forwardings-set, forward-only-set,
    forward-only-deleted, catch-all-set, catch-all-removed, group-created, group-deleted,
    request-refused: what was reserved is in use now, or free again
    mailbox-deletion-scheduled, mailbox-undeleted: which mailboxes will be gone

Says
    account-opened, account-updated, package-changed, account-suspended, -reactivated, -closing, -closure-progress,
    -closed, -reopened
    capacity-reserved, capacity-confirmed, capacity-released, each with all counters of the account after it
    invoice-finalized, credit-note-issued, account-parked, price-change-announced; of the account `postkontor`:
    price-list-published, invoice-run-progress, invoice-run-finished, ledger-differs

Where to read
    capacity.py           the room: reserve, confirm, release, expire; the caps hold here
    rules.py              accounts and packages
    closing.py            accounts that are suspended, closed or reopened
    pricing.py            the price lists in catalogue/, one file per version
    ledger.py             the movements; replaying them gives the counters
    booking.py            the rows of a message: counters, holdings and ledger change together, and one fact states it
    charging/             from use to invoices: days, prices, VAT, lines, sums, credit notes
    quotes.py             what a request changes about the price, and when a quote binds
    quoting.py            quotes in the book: what a dry run is quoted, what a commit uses up
    runs.py               runs over a month, settlements, numbers
    reading.py            what a run reads outside its transactions
    explaining.py         what a line rests on
    rendering/            an invoice as EN 16931 XML, as PDF/A-3 and as CSV
    render.py             the process beside the worker that writes these files
    downgrade.py, steps.py
                          what has to go for a smaller package, chosen and written as requests
    announcing.py         which price lists may come, and what they change for whom
    planning.py           what such a plan reads outside its transaction
    views.py              aggregates as the contracts show them
    handlers.py, handlers_closing.py, handlers_forwarding.py, handlers_invoices.py, handlers_news.py,
    handlers_packages.py, handlers_prices.py, handlers_quotes.py
                          message -> rows, rule, fate
    queries.py            answers
    reasons.py            answers: what decided a price or a cap
    measures.py           what is counted for operators
    store.py, store_closures.py, store_ledger.py, store_invoices.py, store_files.py, store_plan.py, store_prices.py,
    store_quotes.py,
    store_check.py, store_reasons.py
                          the SQL
    maintenance.py        `python -m services.billing.maintenance check|rebuild`
"""
