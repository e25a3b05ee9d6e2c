"""How the DNS is asked: the only rooms of dnscheck that speak it. What they saw is an observation, not a judgement.

resolver.py     one attempt: walk, ask, follow          walk.py        from the root to a zone's servers
delegations.py  what is remembered of the way           flights.py     what many want to know is asked once
referrals.py    whom a zone is entrusted to             budget.py      what an attempt may spend, and what ended it
asker.py        one question to one server              replies.py     what a reply says
turns.py        waiting for one's turn at a server      restraint.py   how hard a server may be asked, pure
sockets.py      the UDP sockets that questions share    wire.py        the usual question and reply, octet by octet
addresses.py    whom a query may go to                  dice.py        random octets
recursor.py     what everybody else sees, after a yes   mailrecords.py what mail wants beside MX
syntax.py       the grammar of SPF and DMARC, by checkdmarc
"""
