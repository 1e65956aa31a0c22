"""Numbers in a row of bits."""


class Bits:
    """Reads bits from the first on; zeros behind the end.

    Args:
        content: the bits, eight in a byte, the highest first.
    """

    def __init__(self, content: bytes) -> None:
        self.number = int.from_bytes(content, 'big')
        self.left = 8 * len(content)

    def read(self, count: int) -> int:
        """A number of so many bits."""
        self.left -= count
        return (self.number >> self.left if self.left >= 0 else self.number << -self.left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """A number in Golomb's code (ISO/IEC 14496-10, 9.1).

        Raises:
            ValueError: it does not end.
        """
        rest = self.number & ((1 << max(self.left, 0)) - 1)
        zeros = self.left - rest.bit_length()
        if self.left < 2 * zeros + 1:
            raise ValueError('the bits end amid a number')
        return self.read(2 * zeros + 1) - 1

    def golombs(self, count: int) -> list[int]:
        """So many of them."""
        return [self.golomb() for _ in range(count)]
