"""Numbers and dates as text. Cents are integers to the last character: nothing here divides into a fraction."""

from datetime import date

from contracts.values import Language

NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def decimal(hundredths: int) -> str:
    """Write hundredths for machines, such as cents or basis points: 123456 is 1234.56, -5 is -0.05."""
    sign, whole = "-" if hundredths < 0 else "", abs(hundredths)
    return f"{sign}{whole // 100}.{whole % 100:02}"


def money(cents: int, language: Language) -> str:
    """Write cents for people, without the currency: 1.234,56 or 1,234.56."""
    sign, whole = MINUS if cents < 0 else "", abs(cents)
    euros = f"{whole // 100:,}"
    if language == "de":
        return f"{sign}{euros.replace(',', '.')},{whole % 100:02}"
    return f"{sign}{euros}.{whole % 100:02}"


def number(whole: int, language: Language) -> str:
    """Write a whole number for people."""
    text = f"{abs(whole):,}"
    return (MINUS if whole < 0 else "") + (text.replace(",", ".") if language == "de" else text)


def percent(basis_points: int, language: Language) -> str:
    """Write a rate for people: 19 %, 5,5 %."""
    whole, part = divmod(basis_points, 100)
    digits = f"{part:02}".rstrip("0")
    comma = "," if language == "de" else "."
    return f"{whole}{comma + digits if digits else ''}{NARROW_SPACE}%"


def day(on: date, language: Language) -> str:
    """Write a date for people: 31.03.2026, or 31 Mar 2026, which no reader takes for another day."""
    if language == "de":
        return f"{on.day:02}.{on.month:02}.{on.year:04}"
    return f"{on.day}{NO_BREAK_SPACE}{_MONTHS[on.month - 1]}{NO_BREAK_SPACE}{on.year:04}"


def days(first: date, last: date, language: Language) -> str:
    """Write a period for people, both days included; the first day leaves out what the last one says."""
    if first == last:
        return day(last, language)
    same_year, same_month = first.year == last.year, (first.year, first.month) == (last.year, last.month)
    if language == "de":
        return f"{first.day:02}.{first.month:02}.{'' if same_year else f'{first.year:04}'}–{day(last, language)}"
    if same_month:
        return f"{first.day}–{day(last, language)}"
    begin = day(first, language)
    return f"{begin.removesuffix(f'{NO_BREAK_SPACE}{first.year:04}') if same_year else begin} – {day(last, language)}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
