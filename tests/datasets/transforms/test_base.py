"""Transforms are printed with their arguments."""

from videossl.datasets.transforms.base import Transform


class Shift(Transform):
    def __init__(self, frames: int, mode: str = 'wrap') -> None:
        self.frames = frames
        self.mode = mode

    def transform(self, results: dict) -> dict:
        return results


class ShiftByOne(Shift):
    def __init__(self, mode: str = 'stop') -> None:
        super().__init__(1, mode)


def test_a_transform_is_printed_with_the_arguments_of_its_own_class():
    assert repr(Shift(3)) == "Shift(frames=3, mode='wrap')"
    assert repr(ShiftByOne()) == "ShiftByOne(mode='stop')"
