"""What observations mean, in words that a customer can act on. Pure: no driver, clock or randomness.

diagnosis.py    what a look for the proof means        mx.py         what a look at the MX records means
explanation.py  why there is no proof                  proof.py      which value is the proof
witness.py      what others say about a yes            remarks.py    sentences that follow a finding's own
advice/         what the other records of mail mean, by topic
evidence.py     what is kept of an observation         sentences.py  every finding's sentence in both languages
providers.py    who runs a domain's DNS, and the traps of their forms
"""
