"""Cents are integers, and they are rounded in one way: half away from zero (R-M2). No float comes near them."""

BASIS_POINTS = 10_000


def rounded(numerator: int, denominator: int) -> int:
    """Divide and round half away from zero. Python's own `round` rounds half to even: 66.5 would be 66."""
    if numerator < 0:
        return -rounded(-numerator, denominator)
    return (2 * numerator + denominator) // (2 * denominator)


def prorated(month_price_cents: int, begin: int, end: int, days: int) -> int:
    """Return the price of the days [begin, end) of a month of `days` days, counted from 0 (R-P4).

    Both edges are rounded from the month's beginning, so that adjacent slices always add up to the whole.
    """
    return rounded(month_price_cents * end, days) - rounded(month_price_cents * begin, days)


def vat(net_cents: int, rate_basis_points: int) -> int:
    """Return the tax on a net sum (R-M3)."""
    return rounded(net_cents * rate_basis_points, BASIS_POINTS)
