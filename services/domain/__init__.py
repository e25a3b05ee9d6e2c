"""The worker domain: who holds which domain name, and the gate that every mailbox passes.

It owns claims, from the first word to their end (the table LIFE_CYCLE in rules.py):

    claimed ──first proof──▶ verified ──password──▶ active ──remove──▶ removing ──vacated──▶ removed
       ├── another account's proof ──▶ lost                   ◀──occupied──┘
       └── own proof while another holds ──▶ contested ──the holder leaves, proof──▶ verified

It takes claim-domain (from billing), validate-domain, check-mx, set-domain-password, set-domain-features,
remove-domain, and at the gate create-mailbox and add-aliases, which it hands on to billing or refuses with the next
step. It orders looks at the DNS from dnscheck and hears what was seen (txt-checked, mx-checked); it asks mailbox to let
go of a domain and hears domain-vacated or domain-occupied; it keeps from billing's facts which accounts there are.

It says domain-claimed, -verified, -activated, -password-set, -features-changed, -removed, claim-lost, transfer-opened,
validation-finished, mx-check-finished, mx-changed, mailbox-admitted, aliases-admitted.

    rules.py     claims and their life cycle, pure      names.py     which names nobody can claim
    gate.py      who may pass, pure                     views.py     a claim as its account sees it
    handlers.py  message -> rows, rule                  outgoing.py  what leaves when a claim changes
    store.py     SQL
"""
