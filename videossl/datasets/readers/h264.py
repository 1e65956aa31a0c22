"""What an H.264 stream says of itself in its parameter set, so that nothing need be decoded to know it."""

from .bits import Bits

WITH_CHROMA_FORMAT = (100, 110, 122, 244, 44, 83, 86, 118, 128)  # profiles
SEQUENCE_PARAMETERS = 7  # type of a unit of the stream


def sequence_of(configuration: bytes) -> tuple[int, int, int] | None:
    """Width, height, and by how many frames the order of decoding and of showing differ at most.

    Args:
        configuration: ``avcC`` of an MP4 file (ISO/IEC 14496-15, 5.3.3).

    Returns:
        None where it does not say so, or not in a simple way: not progressive 4:2:0, several parameter sets, some that are seldom
        used.
    """
    if len(configuration) < 8 or configuration[0] != 1 or configuration[5] & 31 != 1:
        return None
    length = int.from_bytes(configuration[6:8], 'big')
    unit = configuration[8 : 8 + length]
    if len(unit) < max(length, 5) or unit[0] & 31 != SEQUENCE_PARAMETERS:
        return None
    try:
        return _parsed(Bits(unit[1:].replace(b'\0\0\3', b'\0\0')))
    except ValueError:
        return None


def _parsed(bits: Bits) -> tuple[int, int, int] | None:
    """ISO/IEC 14496-10, 7.3.2.1.1 and E.1.1."""
    profile = bits.read(8)
    bits.read(16)
    bits.golomb()
    if profile in WITH_CHROMA_FORMAT:
        if bits.golomb() != 1:  # 4:2:0
            return None
        bits.golombs(2)
        if bits.read(2) & 1:  # matrices of scaling
            return None
    bits.golomb()
    kind_of_order = bits.golomb()
    if kind_of_order == 1:
        return None
    if kind_of_order == 0:
        bits.golomb()
    bits.golomb()
    bits.read(1)
    width, height = 16 * (bits.golomb() + 1), 16 * (bits.golomb() + 1)
    if not bits.read(1):  # fields
        return None
    bits.read(1)
    if bits.read(1):
        left, right, top, bottom = bits.golombs(4)
        width, height = width - 2 * (left + right), height - 2 * (top + bottom)
    if not bits.read(1):  # what follows
        return None
    if bits.read(1) and bits.read(8) == 255:  # the pixels' aspect ratio
        bits.read(32)
    if bits.read(1):
        bits.read(1)
    if bits.read(1):  # colours
        bits.read(4)
        if bits.read(1):
            bits.read(24)
    if bits.read(1):
        bits.golombs(2)
    if bits.read(1):  # rates
        bits.read(65)
    if bits.read(2):  # a decoder's buffer
        return None
    bits.read(1)
    if not bits.read(1):
        return None
    bits.read(1)
    return width, height, bits.golombs(5)[4]
