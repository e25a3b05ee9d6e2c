"""The worker domain: who holds which domain name, and the gate that every mailbox passes.

It owns claims, from the first word to their end. What becomes of one stands in tables (lifecycle.py), which
docs/domains.md shows:

    claimed ──first proof──▶ verified ──password──▶ active ──remove──▶ removing ──vacated──▶ removed
       │ ▲                                                ◀──occupied──┘
       │ └─ asked for again ─ abandoned ◀─ nobody proved it in two weeks
       ├── another account's proof ──▶ lost
       └── own proof while another holds ──▶ contested ──the holder or the operator gives way, proof──▶ verified

A held domain's proof stands or goes missing (held, at_risk, lapsed): a lapsed one stops new addresses, nothing else.

It takes claim-domain (from billing), validate-domain, check-mx, set-domain-password, set-domain-features,
remove-domain, answer-transfer, decide-transfer, and at the gate create-mailbox, add-aliases, set-forward-only and
set-catch-all, which it hands on to billing or refuses with the next step. It orders looks at the DNS from dnscheck and
hears what was seen (txt-checked, mx-checked); it asks mailbox to let go of a domain and hears domain-vacated or
domain-occupied; it keeps from billing's facts which accounts there are.

It says domain-claimed, -verified, -activated, -password-set, -features-changed, -removed, -at-risk, -lapsed,
-recovered, claim-lost, -abandoned, proof-reminder, transfer-opened, -disputed, -overdue, -closed, -answered, -decided,
validation-finished, mx-check-finished, mx-changed, mailbox-admitted, aliases-admitted, forward-only-admitted,
catch-all-admitted.

    rows.py      the aggregates                           lifecycle.py  the tables of states
    rules.py     what happens to claims                   proof.py      how a proof stands as time passes
    transfers.py names that two accounts have proven      names.py      which names nobody can claim
    gate.py      who may pass                             views.py      a claim as its account sees it
    sentences.py what accounts read                       outgoing.py   what leaves when claims change
    handlers.py  message -> rows, rule; handlers_transfers.py: names given up and passed on;
                 handlers_forwarding.py: the gate for addresses without a mailbox
    store.py     SQL                                      handbook.py   writes docs/domains.md
"""
