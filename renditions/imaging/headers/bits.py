"""Numbers of any number of bits, as video headers have them."""


class Bits:
    """Reads bits from the first to the last. After the last, all are 0."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def number(self, width: int) -> int:
        self._left -= width
        shifted = self._value >> self._left if self._left >= 0 else self._value << -self._left
        return shifted & ((1 << width) - 1)

    def flag(self) -> bool:
        return self.number(1) == 1

    def skip(self, width: int) -> None:
        self._left -= width

    def exponential(self) -> int:
        """Return a number whose length is coded as leading zeros (Exp-Golomb)."""
        zeros = 0
        while zeros < 32 and not self.flag():
            zeros += 1
        return (1 << zeros) - 1 + self.number(zeros)
