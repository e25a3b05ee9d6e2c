"""How the DNS is asked: the only rooms of dnscheck that speak it. What they saw is an observation, not a judgement.

resolver.py   one attempt: walk, ask, follow           walk.py      from the root to a zone's servers
asker.py      one question to one server               replies.py   what a reply says
addresses.py  whom a query may go to                   budget.py    what an attempt may spend
"""
