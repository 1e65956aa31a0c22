"""The one reader of checkpoint files: tensors and plain types only, checksums compared."""

import argparse
import html
import json
import os
import re
import zipfile
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from videossl.errors import CheckpointError

# Where the weights are: ours, mmaction2's and many others'; VCOP's; RSPNet's; SlowFast's; some others'.
WEIGHTS_KEYS = ('state_dict', 'model', 'model_state_dict', 'model_state', 'net', 'module')
LFS_POINTER = b'version https://git-lfs'


def read_checkpoint(path: str | os.PathLike, map_location: Any = 'cpu') -> Any:
    """The content of a checkpoint file, read as tensors and plain types only (``weights_only``): no code in it runs.

    One further type is read, ``argparse.Namespace``, which holds a run's arguments in files of several released codes.
    PyTorch does not compare a file with the checksums in it, so that a damaged file could pass for an intact one with
    other numbers; here they are compared first. mmengine reads files through this function too.

    Args:
        path: a file of PyTorch's format or of safetensors'. Of the latter, ``dict(state_dict=..., meta=...)``.
        map_location: where to put the tensors, as for ``torch.load``.

    Raises:
        CheckpointError: the file is missing, damaged, no checkpoint, or holds anything but plain types.
    """
    path = os.path.expanduser(path)
    if not os.path.exists(path):
        raise CheckpointError(f'there is no checkpoint {path}')
    reason = damage(path)
    if reason is not None:
        raise CheckpointError(f'{path} could not be read: {reason}. Take another copy of it, or another checkpoint')
    if path.endswith('.safetensors'):
        return _read_safetensors(path, 'cpu' if map_location is None else str(map_location))
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location=map_location, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        # torch's message goes on to recommend switching the protection off.
        reason = next((line for line in str(error).splitlines() if 'GLOBAL' in line), str(error).partition('\n')[0])
        reason = re.split(r' In PyTorch 2\.6| Re-running| Please use', reason)[0].strip()
        raise CheckpointError(
            f'{path} could not be read as a checkpoint of plain types, and nothing else is read, since a pickle can run any '
            'code. If you trust the file, save its "state_dict" alone to another file with torch.save, where its authors\' '
            "code is installed. (mmengine's own CheckpointHook writes its log into checkpoints as objects; "
            'PlainCheckpointHook does not.) '
            f'The reason: {reason}'
        ) from error


CheckpointLoader.register_scheme('', read_checkpoint, force=True)


def damage(path: str | os.PathLike) -> str | None:
    """What is wrong with a checkpoint file as a file: it is empty, cut off, no checkpoint, or its checksums do not fit.

    Returns:
        The reason, or None where no damage is found, as in a file of a format without checksums.
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(1024)
            if not head:
                return 'the file is empty'
            if not any(head[:4]):
                return 'the file is damaged (it begins with zeros, as what a power cut leaves)'
            if not head.startswith(b'PK\3\4'):  # PyTorch's format since 1.6 is a zip archive
                return _not_a_checkpoint(head, str(path).endswith('.safetensors'))
            with zipfile.ZipFile(file) as archive:
                if not any(entry.CRC for entry in archive.infolist()):  # written without
                    return None
                broken = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, RuntimeError) as error:
        return f'the file is damaged or cut off ({error})'
    except OSError as error:
        return error.strerror or str(error)
    return None if broken is None else f'the file is damaged (the checksum of {broken} in it does not fit)'


def _not_a_checkpoint(head: bytes, is_safetensors: bool) -> str | None:
    """What a file is that begins with these bytes, where it is known not to be a checkpoint."""
    if head.startswith(LFS_POINTER):
        return 'it is a pointer of Git LFS, and the file itself was not fetched (git lfs pull)'
    text = head.decode(errors='replace').lstrip('\ufeff \r\n\t')
    if not re.match(r'<(!doctype html|html|head|!--|\?xml)', text, re.IGNORECASE):
        # Before 1.6 PyTorch wrote a pickle, before 0.1 a tar archive.
        known = is_safetensors or head.startswith(b'\x80') or head[257:262] == b'ustar'
        return None if known else 'it is no checkpoint: no file of PyTorch begins as it does'
    title = re.search(r'<title>\s*(.*?)\s*</title>', text, re.IGNORECASE | re.DOTALL)
    return (
        'it is a web page'
        + (f' ("{html.unescape(title[1])}")' if title else '')
        + ', saved under the name of a checkpoint; what was downloaded is the page that links to the file, or an error'
    )


def split_weights(content: Any, path: str | os.PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights in what :func:`read_checkpoint` read, under the names that they have there, and the entries beside them.

    The weights are the content itself, or its entry ``state_dict``, ``model``, ``model_state_dict``, ``model_state``,
    ``net`` or ``module``.

    Raises:
        CheckpointError: the checkpoint has no weights.
    """
    weights, beside = content, {}
    if isinstance(content, dict):
        key = next((key for key in WEIGHTS_KEYS if isinstance(content.get(key), dict)), None)
        if key is not None:
            weights, beside = content[key], {name: value for name, value in content.items() if name != key}
    tensors = (
        {name: value for name, value in weights.items() if isinstance(name, str) and isinstance(value, Tensor)}
        if isinstance(weights, dict)
        else {}
    )
    if not tensors:
        raise CheckpointError(
            f'{path} has no weights in it: no tensors by name, neither at its top nor under {", ".join(WEIGHTS_KEYS)}'
        )
    return tensors, beside


def meta_of(content: Any) -> dict[str, Any]:
    """The entry ``meta`` of a checkpoint; empty if it is missing."""
    meta = content.get('meta') if isinstance(content, dict) else None
    return meta if isinstance(meta, dict) else {}


def read_weights(path: str | os.PathLike) -> dict[str, Tensor]:
    """The weights in a checkpoint file by name, without the ``module.`` that data parallelism puts before names.

    Raises:
        CheckpointError: the file cannot be read, or has no weights in it.
    """
    return without_module(split_weights(read_checkpoint(path), path)[0])


def without_module(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights, without the ``module.`` that data parallelism puts before names."""
    return {name.removeprefix('module.'): value for name, value in weights.items()}


def _read_safetensors(path: str, device: str) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework='pt', device=device) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            texts = file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} could not be read: it is not a file of safetensors' format, or damaged: {error}"
        ) from error
    return dict(state_dict=tensors, meta={key: _decoded(text) for key, text in texts.items()})


def _decoded(text: str) -> Any:
    if not text.startswith(('{', '[')) and not (text.isdigit() and len(text) < 10):  # an epoch; not a digest
        return text
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return text
