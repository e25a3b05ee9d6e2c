"""The worker dnscheck: what the DNS says about a domain, and when to look again.

It owns watches: one facet, the TXT proof, the MX records or advice on the rest of mail's records, of one claim. It
takes watch-domain and unwatch-domain from domain, looks at the authoritative servers by its own schedule or at once for
a request, and says txt-checked, mx-checked and advice-checked: confirmed, not yet, or could not ask, with the
diagnosis, what was asked of whom, and when it looks next. It hears nobody's facts and decides nothing about domains;
that is domain's.

A look is a timer with an observation: the wake-up comes, the resolver asks outside any transaction, and what was seen
goes through a batch like a message. A look that is under way answers only the requests that came before it began.

    handlers.py     orders, wake-ups, facts               rules.py      the schedule and who waits, pure
    asking/         how the DNS is asked                  store.py      SQL
    findings/       what was seen means, pure             observation.py  what was seen
    corroboration.py  who is asked before a first yes counts: a validating recursor, other sites
    attempts.py     diagnoses as the contract words them  records.py    the records that mail wants, pure
    settings.py     what the environment says             standalone.py one look without bus and database
    measures.py     what is counted for operators
    handbook.py     writes docs/dns.md for support staff
"""
