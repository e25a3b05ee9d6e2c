"""An invoice as files: EN 16931 XML, a PDF/A-3 that holds it, its lines as CSV. From the frozen invoice alone.

press.py        all in all: frozen text in, files out, or what is wrong; in a child process of its own
cii.py          the XML, UN/CEFACT Cross Industry Invoice
agreement.py    reads the XML back and compares every amount with the invoice
validation.py   XML schema and business rules of EN 16931
pdf.py          the PDF with the XML inside, by typst; invoice.typ is its template
page.py         what stands on the pages, as text
lines.py        the lines as CSV
words.py        words in German and English
figures.py      numbers and dates as text

Only press.py and what it imports need the extra `einvoice`; the worker imports lines.py alone.
"""
