"""From what was used to what is owed, to the cent. Pure: a month's use and the price lists in, lines and sums out.

money.py        rounding, proration, VAT: the only arithmetic with cents
months.py       calendar months and whole days in Europe/Berlin
use.py          what an account used: the steps in the life of its mailboxes and of its terms, as days see them
prices.py       which price holds on a day: contract, the list that was agreed, a later list for existing customers
charges.py      use -> charges, each mailbox-day on exactly one plan
tax.py          which VAT an account is charged, and what is missing to decide it
areas.py        countries, and areas that the VAT law treats as abroad
invoice.py      charges -> an invoice's lines, groups and sums; corrections of months already invoiced
credit.py       an invoice -> a credit note, whole or in parts that add up
sentences.py    what stands on a line, in German and English
"""
