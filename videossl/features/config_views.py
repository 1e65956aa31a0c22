"""Which views of a video a config's own pipelines take."""

from collections.abc import Iterator, Sequence
from math import isinf

from mmengine.config import Config

from videossl.datasets.pipelines import Pipeline, pipeline_steps
from videossl.wrappers import innermost_dataset

# The transform for each number of crops. Five crops are ten without the mirrored ones, which the encoder drops.
CROPS = {1: 'CenterCrop', 3: 'ThreeCrop', 5: 'TenCrop', 10: 'TenCrop'}


def views_in_config(config: Config, loaders: Sequence[str] = ('test', 'val', 'train')) -> dict:
    """Settings of a :class:`~.protocols.Protocol`, as far as the first of a config's pipelines that samples clips has
    them: of the test loader, or else of the validation loader, or else of the training loader."""
    for name in loaders:
        loader = config.get(f'{name}_dataloader')
        dataset = innermost_dataset(loader.dataset) if loader is not None and 'dataset' in loader else {}
        transforms = list(_all_transforms(dataset.get('pipeline') or config.get(f'{name}_pipeline') or []))
        if any('clip_len' in transform for transform in transforms):
            return _read_transforms(transforms)
    return {}


def training_clips(config: Config | None) -> dict:
    """``size``, ``clip_len`` and ``frame_interval`` of the clips that a config trains on, as far as it says."""
    values = {} if config is None else views_in_config(config, ('train',))
    return {name: values[name] for name in ('size', 'clip_len', 'frame_interval') if type(values.get(name)) is int}


def _all_transforms(pipeline: Pipeline) -> Iterator[dict]:
    """The transforms of a pipeline, and those nested in them."""
    for transform in pipeline_steps(pipeline):
        if isinstance(transform, dict):
            yield transform
            yield from _all_transforms(transform.get('transforms') or [])


def _read_transforms(transforms: Sequence[dict]) -> dict:
    sampler = next(transform for transform in transforms if 'clip_len' in transform)
    values = dict(clip_len=sampler['clip_len'])
    if _kind(sampler) == 'SampleFrames':
        values['frame_interval'] = sampler.get('frame_interval', 1)
        if sampler.get('test_mode'):
            values['num_clips'] = sampler.get('num_clips', 1)
    resize, is_random_crop = None, False
    for transform in transforms:
        kind = _kind(transform)
        if kind == 'DecodeClips' and transform.get('scale') is not None:
            resize = transform['scale']
        elif kind == 'Resize':
            resize = _read_scale(transform)
            if is_random_crop and isinstance(resize, tuple) and resize[0] == resize[1]:
                # Trained on random parts of the frame, scaled up. Without randomness: the largest centered square.
                return dict(values, size=resize[0], resize=resize[0])
        elif kind == 'RandomResizedCrop':
            is_random_crop = True
        elif kind in ('RandomCrop', 'MotionCrop', *CROPS.values()):
            size = transform.get('crop_size', transform.get('size'))
            sides = (size, size) if isinstance(size, int) else tuple(size or ())
            if len(sides) != 2 or sides[0] != sides[1]:
                return values
            values['size'] = sides[0]
            values['crops'] = max((number for number, name in CROPS.items() if name == kind), default=1)
            # Of several crops, one of the other, the last has the size; the first is of the resized frame.
            if resize is not None and 'resize' not in values:
                values['resize'] = resize
    if 'size' not in values and isinstance(resize, tuple) and resize[0] == resize[1]:
        return dict(values, size=resize[0], resize=resize)  # whole frames, warped to a square
    return values


def _kind(transform: dict) -> str:
    return str(transform.get('type')).rpartition('.')[2]


def _read_scale(resize: dict) -> int | tuple[int, int] | None:
    """A short side, (width, height), or None for any other form."""
    scale = resize.get('scale')
    if not isinstance(scale, (list, tuple)) or len(scale) != 2:
        return None
    if -1 in scale or any(isinf(side) for side in scale):
        return int(max(side for side in scale if not isinf(side)))
    return None if resize.get('keep_ratio', True) else (scale[0], scale[1])
