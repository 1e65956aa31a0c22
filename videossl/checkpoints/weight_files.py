"""Files of weights: read as plain tensors only, written whole or not at all."""

import argparse
import hashlib
import importlib.metadata
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videossl.checkpoints.hand_off import by_module
from videossl.errors import UserError
from videossl.files import whole_file
from videossl.version import __version__

WEIGHTS_KEYS = ('state_dict', 'model', 'model_state_dict', 'net')
FORMATS = ('.pth', '.pt', '.safetensors')


class ConversionError(UserError, ValueError):
    """A file cannot be converted; the message says why, and what to do."""


@dataclass
class KeyReport:
    """What a conversion did, as names of tensors.

    Attributes:
        taken: names in the new file.
        dropped: names in the source that have no place in it.
        missing: names that the net has and the source has not, and that were filled otherwise; ``notes`` says how.
        notes: what else is to be known of this conversion, a sentence each.
    """

    taken: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f'{len(self.taken)} tensors taken, {len(self.dropped)} dropped, {len(self.missing)} missing']
        for title, names in (('taken', self.taken), ('dropped', self.dropped), ('missing', self.missing)):
            if names:
                lines.append(f'  {title}: ' + ', '.join(by_module(names)))
        return '\n'.join(lines + [f'  {note}' for note in self.notes])


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights in a file, under the names they have there, and what stands beside them.

    A pickle is read as plain types alone (``weights_only``), and ``argparse.Namespace``, which holds a run's arguments in
    auxSKD's files: nothing in the file is run.

    Args:
        path: of PyTorch's format or safetensors'. The weights are the file's content, or what stands under
            ``state_dict``, ``model``, ``model_state_dict`` or ``net``.

    Returns:
        Tensors by name, and the entries beside them; of a safetensors file its metadata, as ``meta``, decoded.

    Raises:
        ConversionError: there is no such file, it cannot be read in this way, or it has no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise ConversionError(f'there is no file {path}')
    content = read_safetensors(path) if path.suffix == '.safetensors' else _read_pickle(path)
    weights, beside = content, {}
    if isinstance(content, dict):
        key = next((key for key in WEIGHTS_KEYS if isinstance(content.get(key), dict)), None)
        if key is not None:
            weights = content[key]
            beside = {name: value for name, value in content.items() if name != key}
    if not isinstance(weights, dict) or not any(isinstance(value, Tensor) for value in weights.values()):
        raise ConversionError(
            f'{path} has no weights in it: no tensors by name, neither at its top nor under {", ".join(WEIGHTS_KEYS)}'
        )
    return {name: value for name, value in weights.items() if isinstance(value, Tensor)}, beside


def write_weights(path: str | Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> str:
    """Write weights and what is to be known of them; a file appears under its name when it is whole.

    Args:
        path: ``.pth`` or ``.pt``: ``dict(state_dict=tensors, meta=meta)`` in PyTorch's format, plain types only;
            ``.safetensors``: the metadata of that format is text by name, so that what is no text is encoded as JSON.
        tensors: by name.
        meta: plain types, by name.

    Returns:
        The file's SHA-256, in hexadecimal digits.

    Raises:
        ConversionError: the name has another ending.
    """
    path = Path(path)
    check_format(path)
    # Copies: tensors that share memory, or are parts of others, would be stored with more than themselves.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()
    }
    with whole_file(path, flush=True) as temporary:
        if path.suffix == '.safetensors':
            from safetensors.torch import save_file

            texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in meta.items()}
            save_file(tensors, str(temporary), metadata=texts)
        else:
            with temporary.open('wb') as file:  # by a file's name, PyTorch would write that name into the file
                torch.save(dict(state_dict=tensors, meta=meta), file)
        digest = file_sha256(temporary)
    return digest


def check_format(path: str | Path) -> None:
    """Refuse a name for a file of weights whose ending is of no format."""
    if Path(path).suffix not in FORMATS:
        raise ConversionError(f'{path}: the name of a file of weights ends with {", ".join(FORMATS)}')


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def weights_sha256(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of tensors, by name: the same in every format and under every metadata."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}\n'.encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """The releases a file was made with."""
    found = dict(videossl=__version__)
    for package in ('torch', 'mmengine', 'mmaction2'):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = 'unknown'
    return found


def read_safetensors(path: str | Path, device: str = 'cpu') -> dict[str, Any]:
    """The tensors of a safetensors file, as ``state_dict``, and its metadata, decoded, as ``meta``.

    Raises:
        ConversionError: it is no such file, or a damaged one.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework='pt', device=device) as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            texts = file.metadata() or {}
    except SafetensorError as error:
        raise ConversionError(f"{path} is no file of safetensors' format: {error}") from error
    return dict(state_dict=tensors, meta={key: _decoded(text) for key, text in texts.items()})


def _decoded(text: str) -> Any:
    if not text.startswith(('{', '[')) and not (text.isdigit() and len(text) < 10):  # an epoch; not a digest
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _read_pickle(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:
        # torch's message goes on to recommend switching the protection off.
        reason = next((line for line in str(error).splitlines() if 'GLOBAL' in line), str(error).partition('\n')[0])
        raise ConversionError(
            f'{path} was not read: besides tensors and plain types it holds objects, or it is no such file at all, and '
            'to unpickle objects is to run whatever code the file brings. If you trust whoever made it, save its weights '
            "alone, where its authors' code is installed:\n"
            f"    content = torch.load('{path.name}', map_location='cpu', weights_only=False)\n"
            "    torch.save(content.get('state_dict', content.get('model', content)), 'weights_only.pth')\n"
            f'and convert that file. The reason: {reason}'
        ) from error
