"""How features are extracted and compared: one set of settings, and those of papers under names."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from mmengine.config import Config

from videossl.checks import check_choice, check_integer
from videossl.errors import ConfigError

from .config_views import CROPS, views_in_config

POOLINGS = ('avg', 'max', 'max_1x2x2')
CLIP_AVERAGES = ('prob', 'score', 'features')
VIEW_SETTINGS = ('num_clips', 'crops', 'clip_len', 'frame_interval', 'size', 'resize', 'pooling')
MARGIN = 128 / 112  # short side of the frame over side of the crop, where a config gives neither


@dataclass(frozen=True)
class Protocol:
    """How videos become clips, how clips become features, and how features are compared.

    Args:
        num_clips: clips of a video at even distances, the first at its start and the last at its end; a single clip is
            in the middle. A video shorter than a clip is repeated.
        crops: crops of each clip. 1: the center. 3: the two ends of the long side, then its middle. 5: the corners (row
            by row), then the center. 10: the five, each followed by its mirror image.
        clip_len: frames of a clip.
        frame_interval: stride, in frames.
        size: side of the crop, in pixels.
        resize: size of the frame before the crop: its short side, or (width, height) whatever its shape.
        pooling: of a clip's map [C, t, h, w]. ``'avg'`` and ``'max'``: over time and space, C numbers. ``'max_1x2x2'``:
            VCOP's, the maximum of each 2x2 pixels, C * t * (h // 2) * (w // 2) numbers: 9216 for the 10-layer nets and
            16 frames of 112 pixels.
        average: what the linear probe averages over the views of a test video: ``'prob'``: softmax; ``'score'``: logits;
            ``'features'``: the features, before they are classified.
        center: subtract from each set of features its mean, for retrieval and kNN.
        name: of the protocol.
        source: paper or code, and known differences.

    Raises:
        ConfigError: a value is out of range, or two values contradict each other.
    """

    num_clips: int = 10
    crops: int = 1
    clip_len: int = 16
    frame_interval: int = 1
    size: int = 112
    resize: int | tuple[int, int] = 128
    pooling: str = 'avg'
    average: str = 'prob'
    center: bool = False
    name: str = ''
    source: str = ''

    def __post_init__(self) -> None:
        where = f'protocol {self.name}: ' if self.name else ''
        for key in ('num_clips', 'clip_len', 'frame_interval', 'size'):
            check_integer(f'{where}{key}', getattr(self, key))
            object.__setattr__(self, key, int(getattr(self, key)))  # JSON has no integers of NumPy
        for key, known in (('crops', tuple(CROPS)), ('pooling', POOLINGS), ('average', CLIP_AVERAGES)):
            check_choice(f'{where}{key}', getattr(self, key), known)
        sides = [self.resize] if isinstance(self.resize, int) else list(self.resize)
        if len(sides) not in (1, 2):
            raise ConfigError(f'{where}resize must be a short side or (width, height), got {self.resize!r}')
        for side in sides:
            check_integer(f'{where}resize', side)
        if min(sides) < self.size:
            raise ConfigError(
                f'{where}size={self.size} pixels cannot be cropped from frames resized to {self.resize}; lower '
                'size or raise resize'
            )
        if self.crops == 3 and min(sides) != self.size:
            raise ConfigError(
                f'{where}three crops are taken along the long side, so the short side must be '
                f'size={self.size}, but resize={self.resize}'
            )

    @classmethod
    def like(cls, config: Config | None, **given: Any) -> 'Protocol':
        """The settings that are given; for the others those of a config's test pipeline, or of its training pipeline.

        Args:
            config: None: the defaults instead.
            given: settings of :class:`Protocol`; None counts as not given. ``resize`` may be written (-1, short side).
                With another ``size`` than the config's, or three crops, and no ``resize``, frames are resized to 8/7 of
                the size, or, for three crops, to the size.
        """
        given = {name: value for name, value in given.items() if value is not None}
        _check_settings(given)
        values = {} if config is None else views_in_config(config)
        if given.get('size', values.get('size')) != values.get('size') or 'resize' not in values:
            values.pop('resize', None)
        values.update(given)
        size, crops = values.get('size', cls.size), values.get('crops', cls.crops)
        if 'resize' not in given:
            for name, value in (('size', size), ('crops', crops)):
                check_integer(name, value)
            sides = values.get('resize', round(size * MARGIN))
            short = sides if isinstance(sides, int) else min(sides)
            values['resize'] = size if crops == 3 and short != size else sides
        if not isinstance(values['resize'], int):
            sides = tuple(values['resize'])
            values['resize'] = max(sides) if len(sides) == 2 and -1 in sides else sides
        return cls(**values)

    @property
    def num_views(self) -> int:
        """Views of a video."""
        return self.num_clips * self.crops

    @property
    def title(self) -> str:
        """The name, and the settings that differ from the protocol of that name: ``auxskd, changed: size 64, resize 72``."""
        preset = PROTOCOLS.get(self.name)
        changed = [
            f'{field.name.removeprefix("num_").replace("_", " ")} {_setting_text(getattr(self, field.name))}'
            for field in fields(self)
            if preset is not None
            and field.name != 'source'
            and getattr(self, field.name) != getattr(preset, field.name)
        ]
        return (self.name or 'custom') + (f', changed: {", ".join(changed)}' if changed else '')

    def pipeline(self) -> list[dict]:
        """Transforms for :class:`~videossl.datasets.VideoDataset`. The views come crop after crop."""
        return [
            dict(type='VideoReaderInit'),
            dict(
                type='SampleFrames',
                clip_len=self.clip_len,
                frame_interval=self.frame_interval,
                num_clips=self.num_clips,
                test_mode=True,
            ),
            # Resized here, each frame is resized once, also where clips overlap.
            dict(type='DecodeClips', scale=self.resize),
            dict(type=CROPS[self.crops], crop_size=self.size),
            dict(type='PackClips'),
        ]

    def views(self) -> dict:
        """The settings of the extraction, arguments of :func:`~videossl.apis.extract_features`, in plain types."""
        values = {name: getattr(self, name) for name in VIEW_SETTINGS}
        return dict(values, resize=self.resize if isinstance(self.resize, int) else list(self.resize))


PAPER_SIZE: dict[str, Any] = dict(resize=(171, 128))  # frames of 16x112x112 clips, in most released code
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name='auxskd',
            **PAPER_SIZE,
            source='Dadashzadeh, Whone, Mirmehdi, 2021, the paper; pooling as in its fine-tuning',
        ),
        Protocol(
            name='vcop',
            **PAPER_SIZE,
            pooling='max_1x2x2',
            average='score',
            source='Xu et al., 2019, released code, which drops up to seven videos of the last batch; here no video is dropped',
        ),
        Protocol(
            name='rspnet',
            resize=112,
            average='score',
            source='Chen et al., 2021, released code, which makes the gallery with the training augmentation and without the '
            'last batch; here the gallery has the views of the test, and all videos. S3D-G: size=224, resize=224',
        ),
        Protocol(
            name='ctp', frame_interval=2, **PAPER_SIZE, average='score', source='Wang et al., 2021, released code'
        ),
        Protocol(
            name='videomoco',
            clip_len=32,
            size=224,
            resize=224,
            average='score',
            source='Pan et al., 2021, released code; the scale before the crop is a guess',
        ),
        Protocol(
            name='coclr',
            clip_len=32,
            size=128,
            resize=146,
            center=True,
            source='Han, Xie, Zisserman, 2020, released code, which takes a clip every 15 frames, drops videos of up to 17 '
            'frames, and jitters colours with probability 0.3; here ten clips of each video, without jitter. crops=5 and '
            'crops=10 are its other tests',
        ),
        Protocol(
            name='severe',
            clip_len=32,
            frame_interval=2,
            **PAPER_SIZE,
            source='Thoker et al., 2022; 2 s at 16 frames a second, here every second frame; the scale before the crop is a '
            'guess',
        ),
    )
}
"""The protocols of papers, by name."""


def protocol_of(protocol: str | Protocol = 'auxskd', **changes: Any) -> Protocol:
    """A protocol by name, with changes: ``protocol_of('rspnet', size=224, resize=224)``.

    Raises:
        ConfigError: there is no such protocol or setting, or a value is out of range.
    """
    if isinstance(protocol, str):
        if protocol not in PROTOCOLS:
            raise ConfigError(f'there is no protocol "{protocol}"; there are {", ".join(PROTOCOLS)}')
        protocol = PROTOCOLS[protocol]
    _check_settings(changes)
    return replace(protocol, **changes)


def _check_settings(settings: dict) -> None:
    known = [field.name for field in fields(Protocol)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigError(f'a protocol has no setting {", ".join(unknown)}; it has {", ".join(known)}')


def views_text(views: dict) -> list[str]:
    """The settings of :meth:`Protocol.views` in words, ``?`` for a missing one."""
    resized = [f'resized to {resize_text(views["resize"])}'] if 'resize' in views else []
    return [
        f'{quantity(views.get("num_clips", "?"), "clip")} x {quantity(views.get("crops", 1), "crop")}',
        f'{views.get("clip_len", "?")} frames at interval {views.get("frame_interval", "?")}',
        *resized,
        f'{views.get("size", "?")} px',
        f'{views.get("pooling", "?")} pooling',
    ]


def quantity(number: int | str, noun: str) -> str:
    """``1 clip``, ``10 clips``."""
    return f'{number} {noun}' + ('' if number == 1 else 's')


def resize_text(resize: int | Sequence[int]) -> str:
    """A short side, or width and height: ``128``, ``171x128``."""
    return str(resize) if isinstance(resize, int) else 'x'.join(map(str, resize))


def _setting_text(value: int | str | bool | tuple[int, int]) -> str:
    if isinstance(value, bool):
        return 'on' if value else 'off'
    return value if isinstance(value, str) else resize_text(value)
