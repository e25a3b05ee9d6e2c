"""Random octets that nobody outside can guess, for ids, sockets and the case of letters."""

from __future__ import annotations

import os

STOCK_OCTETS = 8192


class Dice:
    """Octets of the system's generator, fetched in stock: a system call for each roll costs more than the roll."""

    __slots__ = ("_left", "_stock")

    def __init__(self) -> None:
        self._stock = b""
        self._left = 0

    def roll(self, count: int) -> bytes:
        """Return so many octets (at most a stock's), each handed out once."""
        if self._left < count:
            self._stock = os.urandom(STOCK_OCTETS)
            self._left = STOCK_OCTETS
        self._left -= count
        return self._stock[self._left : self._left + count]


DICE = Dice()
os.register_at_fork(after_in_child=lambda: DICE.__init__())  # a child must not hand out what its parent does
