"""What observations mean, in words that a customer can act on. Pure: no driver, clock or randomness.

diagnosis.py    what a look for the proof means        mx.py         what a look at the MX records means
explanation.py  why there is no proof                  proof.py      which value is the proof
evidence.py     what is kept of an observation         sentences.py  every finding's sentence in both languages
"""
