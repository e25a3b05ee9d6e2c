"""The worker domain: who holds which domain name, and the gate that every mailbox passes.

It owns claims, from the first word to their end. What becomes of one stands in tables (lifecycle.py), which
docs/domains.md shows:

    claimed ──first proof──▶ verified ──password──▶ active ──remove──▶ removing ──vacated──▶ removed
       │ ▲                                                ◀──occupied──┤
       │ │                                                ◀────kept────┘
       │ └─ asked for again ─ abandoned ◀─ nobody proved it in two weeks
       ├── another account's proof ──▶ lost
       └── own proof while another holds ──▶ contested ──the holder or the operator gives way, proof──▶ verified

A held domain's proof stands or goes missing (held, at_risk, lapsed): a lapsed one stops new addresses, nothing else.

It takes claim-domain (from billing), validate-domain, check-mx, set-domain-password, set-domain-features,
undo-domain-features, remove-domain, keep-domain, answer-transfer, decide-transfer, and at the gate create-mailbox,
add-aliases, set-forward-only and set-catch-all, which it hands on to billing or refuses with the next step; or parks
until the domain is active, if the request says so: cancel-hold takes one back, and its own settle-holds sets those
going that wait for a domain. It orders looks at the DNS from dnscheck and hears what was seen (txt-checked,
mx-checked); it asks mailbox to let go of a domain and hears domain-vacated or domain-occupied, or to delete what
stands under it and hears domain-removal-progress and domain-restored; it keeps from billing's facts which accounts
there are, and gives up all domains of one that is closed.

A bulk file comes in parts (submit-bulk, cancel-bulk). Its items go out as requests of their own, claim-domain to
billing, the others through the gate; their outcomes are heard: mailbox-created, aliases-changed, and domain-claimed
and request-refused whoever states them.

It says domain-claimed, -verified, -activated, -password-set, -features-changed, -removal-started, -removed, -kept,
-at-risk, -lapsed, -recovered, account-vacating, account-vacated, claim-lost, -abandoned, proof-reminder,
transfer-opened, -disputed, -overdue, -closed, -answered, -decided, validation-finished, mx-check-finished, mx-changed,
mailbox-admitted, aliases-admitted, forward-only-admitted, catch-all-admitted, request-parked, hold-cancelled,
bulk-part-received, bulk-accepted, bulk-progress, bulk-cancelled, bulk-finished.

    rows.py      the aggregates                           lifecycle.py  the tables of states
    rules.py     what happens to claims                   proof.py      how a proof stands as time passes
    removal.py   domains that go with all under them      handbook.py   writes docs/domains.md
    transfers.py names that two accounts have proven      names.py      which names nobody can claim
    trying.py    dry runs at the gate
    gate.py      who may pass                             views.py      a claim as its account sees it
    passing.py   what passes, and how it goes on          holds.py      requests that wait for their domains
    entrance.py  passes, waits or is refused
    sentences.py what accounts read                       outgoing.py   what leaves when claims change
    handlers.py  message -> rows, rule; handlers_transfers.py: names given up and passed on;
                 handlers_forwarding.py: the gate for addresses without a mailbox; handlers_holds.py: who waits;
                 handlers_features.py: features;
                 handlers_removal.py: domains that go with everything under them, and accounts that are closed
    bulks.py     bulk files: parts, portions, counts      bulk_looks.py  items that have had no outcome for long
    handlers_bulks.py: bulk files; store_bulks.py: their SQL
    store.py     SQL; store_holds.py: of who waits; store_closures.py: of accounts that are closed
    handbook.py  writes docs/domains.md
"""
