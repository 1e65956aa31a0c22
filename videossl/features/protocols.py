"""The papers' ways of testing, under names."""

from dataclasses import dataclass, fields, replace

from videossl.evaluation.feature_sets import sides
from videossl.evaluation.linear_probe import CLIP_AVERAGES


@dataclass(frozen=True)
class Protocol:
    """How videos become clips, clips features, and features numbers.

    Attributes:
        name: of the protocol.
        num_clips: clips a video, at even distances.
        clip_len: frames a clip.
        frame_interval: every how manieth frame of the video a clip takes.
        size: side of the square that is cut out, in pixels.
        resize: what a frame is scaled to before: its short side, or (width, height) whatever its shape.
        crops: 1: the centre; 3: the ends and the middle of the long side; 5: corners and centre; 10: these, and their mirror
            images.
        pooling: of the feature map: ``'avg'`` or ``'max'`` over time and space; ``'max_1x2x2'``: the largest of each 2 x 2
            places, and the map that is left flattened (VCOP's 9216 numbers).
        average: what is averaged over the views of a test video: ``'prob'``: softmax; ``'score'``: logits.
        centre: whether retrieval subtracts from each set its own mean.
        source: where this is from, and what is known to differ.
    """

    name: str
    num_clips: int
    clip_len: int
    frame_interval: int
    size: int
    resize: int | tuple[int, int]
    crops: int
    pooling: str
    average: str
    centre: bool
    source: str

    def __post_init__(self) -> None:
        for key in ('num_clips', 'clip_len', 'frame_interval', 'size', 'crops'):
            value = getattr(self, key)
            if type(value) is not int or value < 1:
                raise ValueError(f'protocol {self.name}: {key} must be a whole number of at least 1, got {value!r}')
        for key, known in (
            ('crops', (1, 3, 5, 10)),
            ('pooling', ('avg', 'max', 'max_1x2x2')),
            ('average', CLIP_AVERAGES),
        ):
            if getattr(self, key) not in known:
                raise ValueError(f'protocol {self.name}: {key} must be one of {known}, got {getattr(self, key)!r}')

    @property
    def title(self) -> str:
        """The name, and what differs from the protocol of that name: ``auxskd, changed: size 64, resize 72``."""
        preset = PROTOCOLS.get(self.name)
        if preset is None:
            return self.name
        changed = [
            f'{field.name.replace("num_clips", "clips").replace("_", " ")} {_in_words(getattr(self, field.name))}'
            for field in fields(self)
            if field.name not in ('name', 'source') and getattr(self, field.name) != getattr(preset, field.name)
        ]
        return f'{self.name}, changed: {", ".join(changed)}' if changed else self.name

    def views(self) -> dict:
        """What concerns the extraction: the arguments of :class:`~videossl.features.clip_protocol.ClipProtocol`."""
        return dict(
            clips=self.num_clips,
            crops=self.crops,
            clip_len=self.clip_len,
            frame_interval=self.frame_interval,
            size=self.size,
            resize=self.resize,
            pooling=self.pooling,
        )


def _in_words(value: int | str | bool | tuple[int, int]) -> str:
    if isinstance(value, bool):
        return 'on' if value else 'off'
    return sides(value) if isinstance(value, (list, tuple)) else str(value)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            'auxskd',
            10,
            16,
            1,
            112,
            (171, 128),
            1,
            'avg',
            'prob',
            False,
            'Dadashzadeh, Whone, Mirmehdi, 2021, the paper; pooling as in its fine-tuning',
        ),
        Protocol(
            'vcop',
            10,
            16,
            1,
            112,
            (171, 128),
            1,
            'max_1x2x2',
            'score',
            False,
            'Xu et al., 2019, released code; it drops up to seven videos of the last batch, here none is dropped',
        ),
        Protocol(
            'rspnet',
            10,
            16,
            1,
            112,
            112,
            1,
            'avg',
            'score',
            False,
            'Chen et al., 2021, released code; its gallery is made with the training augmentation and without the last '
            'batch, here with that of the test and whole. S3D-G: size=224, resize=224',
        ),
        Protocol('ctp', 10, 16, 2, 112, (171, 128), 1, 'avg', 'score', False, 'Wang et al., 2021, released code'),
        Protocol(
            'videomoco',
            10,
            32,
            1,
            224,
            224,
            1,
            'avg',
            'score',
            False,
            'Pan et al., 2021, released code; the scale before the crop is a guess',
        ),
        Protocol(
            'coclr',
            10,
            32,
            1,
            128,
            146,
            1,
            'avg',
            'prob',
            True,
            'Han, Xie, Zisserman, 2020, released code; it takes a clip every 15 frames, however many that makes, drops '
            'videos of up to 17 frames, and jitters colours with probability 0.3; here ten clips of each video, colours as they '
            'are. crops=5 and crops=10 are its other tests',
        ),
        Protocol(
            'severe',
            10,
            32,
            2,
            112,
            (171, 128),
            1,
            'avg',
            'prob',
            False,
            'Thoker et al., 2022; 2 s at 16 frames a second, here every second frame; the scale before the crop is a '
            'guess',
        ),
    )
}


def protocol_of(protocol: str | Protocol = 'auxskd', **changes) -> Protocol:
    """A protocol by name, with changes: ``protocol_of('rspnet', size=224, resize=224)``.

    Raises:
        ValueError: no such protocol, no such setting, or an unusable value.
    """
    if isinstance(protocol, str):
        if protocol not in PROTOCOLS:
            raise ValueError(f'there is no protocol "{protocol}"; there are {", ".join(PROTOCOLS)}')
        protocol = PROTOCOLS[protocol]
    known = [field.name for field in fields(Protocol)]
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(f'a protocol has no setting {", ".join(unknown)}; it has {", ".join(known)}')
    return replace(protocol, **changes)
