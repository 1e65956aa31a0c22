"""Which views of a video features are made from."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from math import isinf

from mmengine.config import Config

from videossl.errors import ConfigError
from videossl.wrappers import innermost_dataset

POOLINGS = ('avg', 'max', 'max_1x2x2')
# Of ten, the mirrored ones are left out afterwards where five are asked for.
CROPS = {1: 'CenterCrop', 3: 'ThreeCrop', 5: 'TenCrop', 10: 'TenCrop'}
MARGIN = 128 / 112  # short side before the crop, of the side after it, where nothing says otherwise


@dataclass(frozen=True)
class ClipProtocol:
    """The views of a video, and what becomes of a view's feature map.

    Args:
        clips: so many clips at even distances, the first at the video's start and the last at its end; a single one in
            the middle. A video shorter than a clip is repeated.
        crops: of each clip. 1: the centre. 3: the two ends of the long side, then its middle. 5: the corners (row by
            row), then the centre. 10: these, each followed by its mirror image.
        clip_len: frames of a clip.
        frame_interval: distance of these frames in the video.
        size: side of the crop in pixels.
        resize: before the crop: the short side in pixels (also written (-1, side)), or (width, height).
        pooling: over a clip's map [C, t, h, w]. ``'avg'`` and ``'max'``: over all of it, C numbers. ``'max_1x2x2'``:
            VCOP's, the maximum of each 2x2 pixels, C * t * (h // 2) * (w // 2) numbers: 9216 of the 10-layer nets for
            16 frames of 112 pixels.

    Raises:
        ConfigError: a value is out of range, or two do not agree.
    """

    clips: int = 10
    crops: int = 1
    clip_len: int = 16
    frame_interval: int = 1
    size: int = 112
    resize: int | tuple[int, int] = 128
    pooling: str = 'avg'

    def __post_init__(self) -> None:
        for name in ('clips', 'clip_len', 'frame_interval', 'size'):
            _check_whole_number(name, getattr(self, name))
        if self.crops not in CROPS:
            raise ConfigError(f'crops must be one of {list(CROPS)}, got {self.crops!r}')
        if self.pooling not in POOLINGS:
            raise ConfigError(f'pooling must be one of {POOLINGS}, got {self.pooling!r}')
        sides = [self.resize] if isinstance(self.resize, int) else list(self.resize)
        if len(sides) not in (1, 2):
            raise ConfigError(f'resize must be a short side or (width, height), got {self.resize!r}')
        for side in sides:
            _check_whole_number('resize', side)
        if min(sides) < self.size:
            raise ConfigError(
                f'size={self.size} pixels cannot be cropped from frames resized to {self.resize}; lower '
                'size or raise resize'
            )
        if self.crops == 3 and min(sides) != self.size:
            raise ConfigError(
                f'three crops are taken along the long side, so the short side must be '
                f'size={self.size}, but resize={self.resize}'
            )

    @classmethod
    def like(cls, config: Config | None, **given) -> 'ClipProtocol':
        """The protocol that is given, and where it is silent that of a config's test pipeline, or of its training
        pipeline.

        Args:
            config: None: the defaults instead.
            given: values of :class:`ClipProtocol`; None where silent. With another ``size`` than the config's, or three
                crops, and no ``resize``, frames are resized anew: to 8/7 of the size, or, for three crops, to the size.
        """
        given = {name: value for name, value in given.items() if value is not None}
        unknown = given.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise ConfigError(f'there is no {sorted(unknown)[0]} in a protocol')
        values = {} if config is None else _read_pipeline(config)
        if given.get('size', values.get('size')) != values.get('size') or 'resize' not in values:
            values.pop('resize', None)
        values.update(given)
        size, crops = values.get('size', cls.size), values.get('crops', cls.crops)
        if 'resize' not in given:
            for name, value in (('size', size), ('crops', crops)):
                _check_whole_number(name, value)
            sides = values.get('resize', round(size * MARGIN))
            short = sides if isinstance(sides, int) else min(sides)
            values['resize'] = size if crops == 3 and short != size else sides
        if not isinstance(values['resize'], int):
            sides = tuple(values['resize'])
            values['resize'] = max(sides) if len(sides) == 2 and -1 in sides else sides
        return cls(**values)

    @property
    def views(self) -> int:
        """Views of a video."""
        return self.clips * self.crops

    def pipeline(self) -> list[dict]:
        """Transforms for :class:`~videossl.datasets.VideoDataset`; the views come crop after crop."""
        return [
            dict(type='VideoReaderInit'),
            dict(
                type='SampleFrames',
                clip_len=self.clip_len,
                frame_interval=self.frame_interval,
                num_clips=self.clips,
                test_mode=True,
            ),
            # Resized here, each frame is resized once, also where clips overlap.
            dict(type='DecodeClips', scale=self.resize),
            dict(type=CROPS[self.crops], crop_size=self.size),
            dict(type='PackClips'),
        ]

    def record(self) -> dict:
        """The values in plain types."""
        values = asdict(self)
        return dict(values, resize=self.resize if isinstance(self.resize, int) else list(self.resize))


def training_clips(config: Config | None) -> dict:
    """``size``, ``clip_len`` and ``frame_interval`` of the clips that a config trains on, as far as it says."""
    values = {} if config is None else _read_pipeline(config, ('train',))
    return {name: values[name] for name in ('size', 'clip_len', 'frame_interval') if type(values.get(name)) is int}


def _check_whole_number(name: str, value) -> None:
    if type(value) is not int or value < 1:
        raise ConfigError(f'{name} must be an integer of at least 1, got {value!r}')


def _read_pipeline(config: Config, loaders: Sequence[str] = ('test', 'val', 'train')) -> dict:
    """Values of :class:`ClipProtocol` as far as they can be read from a config's pipelines."""
    for name in loaders:
        loader = config.get(f'{name}_dataloader')
        dataset = innermost_dataset(loader.dataset) if loader is not None and 'dataset' in loader else {}
        transforms = list(_flat(dataset.get('pipeline') or config.get(f'{name}_pipeline') or []))
        if any('clip_len' in transform for transform in transforms):
            return _read_transforms(transforms)
    return {}


def _flat(pipeline: Sequence) -> Iterator[dict]:
    for transform in pipeline:
        if isinstance(transform, dict):
            yield transform
            yield from _flat(transform.get('transforms') or [])


def _read_transforms(transforms: Sequence[dict]) -> dict:
    sampler = next(transform for transform in transforms if 'clip_len' in transform)
    values = dict(clip_len=sampler['clip_len'])
    if _kind(sampler) == 'SampleFrames':
        values['frame_interval'] = sampler.get('frame_interval', 1)
        if sampler.get('test_mode'):
            values['clips'] = sampler.get('num_clips', 1)
    resize, cropped_freely = None, False
    for transform in transforms:
        kind = _kind(transform)
        if kind == 'DecodeClips' and transform.get('scale') is not None:
            resize = transform['scale']
        elif kind == 'Resize':
            resize = _read_scale(transform)
            if cropped_freely and not isinstance(resize, int) and resize is not None and resize[0] == resize[1]:
                # A random part of the frame, blown up: without chance, the largest centred square.
                return dict(values, size=resize[0], resize=resize[0])
        elif kind == 'RandomResizedCrop':
            cropped_freely = True
        elif kind == 'RandomCrop' or kind in CROPS.values():
            size = transform.get('crop_size', transform.get('size'))
            sides = (size, size) if isinstance(size, int) else tuple(size or ())
            if len(sides) != 2 or sides[0] != sides[1]:
                return values
            values['size'] = sides[0]
            values['crops'] = max((number for number, name in CROPS.items() if name == kind), default=1)
            if resize is not None:
                values['resize'] = resize
            return values
    return values


def _kind(transform: dict) -> str:
    return str(transform.get('type')).rpartition('.')[2]


def _read_scale(resize: dict) -> int | tuple[int, int] | None:
    """A short side, (width, height), or None for what is neither."""
    scale = resize.get('scale')
    if not isinstance(scale, (list, tuple)) or len(scale) != 2:
        return None
    if -1 in scale or any(isinf(side) for side in scale):
        return int(max(side for side in scale if not isinf(side)))
    return None if resize.get('keep_ratio', True) else tuple(scale)
