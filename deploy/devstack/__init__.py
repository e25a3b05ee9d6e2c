"""The embedded stack: NATS, PostgreSQL, a demo DNS server and the workers as child processes, without Docker.

stack.py      all of it together                    processes.py  spawn.py  unprivileged.py  leftovers.py  children
beside.py     what runs beside the workers
nats.py       the broker                            ports.py  probes.py  lock.py  ports, readiness, one stack a folder
postgres.py   the database                          demo.py  journey.py  a customer's way through it

The demo DNS:
demodns.py    the hierarchy, its registry, faults   hierarchy.py  addresses, and what every hierarchy can do
zones.py      records and zone files                answers.py    what a zone says to a question
updates.py    RFC 2136, taken                       dnsupdate.py  RFC 2136, sent
signing.py    DNSSEC, for tests                     faults.py     what goes wrong on purpose
dnssockets.py UDP and TCP

Real servers beside it, for tests, from Debian packages (debian.py):
knot.py       the same hierarchy on Knot            bind.py       BIND as a validating recursor
"""
