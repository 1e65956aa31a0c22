"""Files of weights: plain tensors and types only, written whole or not at all."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videossl.errors import CheckpointError
from videossl.files import whole_file
from videossl.version import __version__, installed_version

FORMATS = ('.pth', '.pt', '.safetensors')


def write_weights(path: str | Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> str:
    """Write weights and what is to be known of them.

    Args:
        path: ``.pth`` or ``.pt``: ``dict(state_dict=tensors, meta=meta)`` in PyTorch's format, plain types only.
            ``.safetensors``: the metadata of that format is text by name; other values are encoded as JSON.
        tensors: by name.
        meta: plain types, by name.

    Returns:
        The file's SHA-256, in hexadecimal digits.

    Raises:
        CheckpointError: the name has another ending.
        WriteError: the disk is full.
    """
    path = Path(path)
    check_format(path)
    tensors = without_sharing(tensors)
    if path.suffix == '.safetensors':
        from safetensors.torch import save

        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in meta.items()}
        content = save(tensors, metadata=texts)
    else:
        content = plain_bytes(dict(state_dict=tensors, meta=meta))
    with whole_file(path, flush=True) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def without_sharing(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies: tensors that share memory, or are parts of others, would be stored with more than themselves."""
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}


def plain_bytes(content: dict[str, Any]) -> bytes:
    """A checkpoint in PyTorch's format. The same content gives the same bytes, whatever the file is called."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def check_format(path: str | Path) -> None:
    """Refuse a name for a file of weights whose ending is of no format."""
    if Path(path).suffix not in FORMATS:
        raise CheckpointError(f'{path}: the name of a file of weights ends with {", ".join(FORMATS)}')


def weights_sha256(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of tensors, sorted by name: independent of file format and metadata."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}\n'.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """The releases a file was made with."""
    packages = ('torch', 'mmengine', 'mmaction2')
    return dict(videossl=__version__, **{name: installed_version(name) or 'unknown' for name in packages})
