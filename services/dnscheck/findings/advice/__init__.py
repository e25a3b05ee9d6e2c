"""Advice on the records that mail wants in a domain's DNS, a room for each topic. Pure, and it blocks nothing.

topics.py     every topic, one after the other    verdict.py    what a topic ends in
spf.py        who may send                        dkim.py       whose signature counts
dmarc.py      what becomes of forgeries           transport.py  MTA-STS, TLS-RPT, DANE
hosts.py      host names and SRV records for mail programs, CAA, name servers
sentences.py, sentences_hosts.py  the words       staff.py      the words for support staff
"""
