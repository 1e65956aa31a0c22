"""What MPEG-4 part 2 (XviD, DivX) says of its frames, which AVI files do not: their order and which of them are pictures.

Such a packet may hold two frames, and the next one none, in its place ("packed bitstream"); times in AVI files are then
guessed, and guessed wrongly. ISO/IEC 14496-2, 6.2.3 and 6.2.5, tells what is in a packet.
"""

from collections.abc import Sequence

from .bits import Bits

VOP = b'\x00\x00\x01\xb6'  # what a frame (video object plane) begins with
INTRA, PREDICTED, BIDIRECTIONAL, SPRITE = range(4)


def bits_of_time(content: bytes) -> int | None:
    """How many bits a frame's time takes, as the header of the video in these bytes says; None where there is none."""
    for layer in range(0x20, 0x30):
        place = content.find(bytes((0, 0, 1, layer)))
        if place >= 0:
            break
    else:
        return None
    bits, version = Bits(content[place + 4 : place + 44]), 1
    bits.read(9)  # random access, kind of object
    if bits.read(1):
        version = bits.read(4)
        bits.read(3)
    if bits.read(4) == 15:  # the pixels' aspect ratio
        bits.read(16)
    if bits.read(1):  # control parameters
        bits.read(3)
        if bits.read(1):
            bits.read(79)
    if bits.read(2) == 3 and version != 1:  # shape
        bits.read(4)
    bits.read(1)
    return max(1, (bits.read(16) - 1).bit_length())


def frames_of(packet: bytes, time_bits: int) -> list[tuple[int, bool]]:
    """(type, whether it is a picture and not only says that the last one stays) of each frame in a packet."""
    frames, place = [], packet.find(VOP)
    while place >= 0:
        word = int.from_bytes(packet[place + 4 : place + 12].ljust(8, b'\0'), 'big')
        bit = 61
        while bit and word >> bit & 1:  # seconds; then a zero, a one, the time, and a one
            bit -= 1
        frames.append((word >> 62, bool(word >> max(bit - 3 - time_bits, 0) & 1)))
        place = packet.find(VOP, place + 4)
    return frames


def shown_order(kinds: Sequence[int]) -> list[int]:
    """Frames come out in another order than they are decoded in: a B frame at once, each other one when the next that is no B
    frame has been decoded.

    Args:
        kinds: types of the frames, as they are decoded.

    Returns:
        Their places as they are shown. B frames before the second of the others have nothing to refer to, and none.
    """
    order, held = [], None
    references = 0
    for place, kind in enumerate(kinds):
        if kind == BIDIRECTIONAL:
            if references >= 2:
                order.append(place)
            continue
        references += 1
        if held is not None:
            order.append(held)
        held = place
    return order if held is None else [*order, held]
