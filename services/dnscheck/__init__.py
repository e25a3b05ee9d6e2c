"""The worker dnscheck: what the DNS says about a domain, and when to look again.

It owns watches: one facet, the TXT proof or the MX records, of one claim. It takes watch-domain and unwatch-domain from
domain, looks at the authoritative servers by its own schedule or at once for a request, and says txt-checked and
mx-checked: confirmed, not yet, or could not ask, with one diagnosis, what was asked of whom, and when it looks next. It
hears nobody's facts and decides nothing about domains; that is domain's.

A look is a timer with an observation: the wake-up comes, the resolver asks outside any transaction, and what was seen
goes through a batch like a message. A look that is under way answers only the requests that came before it began.

    handlers.py     orders, wake-ups, facts               rules.py      the schedule and who waits, pure
    resolver.py     one attempt: walk, ask, follow        store.py      SQL
    walk.py         from the root to a zone's servers     asking.py     one question to one server
    observation.py  what was seen                         sentences.py  what is said of it, in two languages
    diagnosis.py    what a look for the proof means, mx.py what a look at the MX records means, both pure
    explanation.py  why there is no proof, pure           proof.py      which value is the proof, pure
    evidence.py     what is kept of either, pure          handbook.py   writes docs/dns.md for support staff
"""
