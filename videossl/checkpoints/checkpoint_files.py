"""The checkpoints of a training run: which there are, and which one to go on from."""

import os
import os.path as osp
import re
from collections.abc import Iterator, Sequence

from videossl.errors import CheckpointError
from videossl.files import whole_file

from .reading import meta_of, read_checkpoint

POINTER = 'last_checkpoint'
NUMBERED = re.compile(r'^(?!best_)(.*?)(\d+)\.pth$')


def write_pointer(folder: str, checkpoint: str, safe: str | None = None) -> None:
    """Let ``last_checkpoint`` in a folder name a checkpoint; ``safe`` as for :func:`~videossl.files.whole_file`."""
    with whole_file(osp.join(folder, POINTER), flush=True, safe=safe) as temporary:
        temporary.write_text(checkpoint)


def read_pointer(folder: str) -> str | None:
    """The path of the checkpoint that ``last_checkpoint`` in a folder names. Empty where that file names no checkpoint, None
    where there is no such file.

    A checkpoint of that name in the folder itself is preferred: the folder may have been moved or copied as a whole.
    """
    pointer = osp.join(folder, POINTER)
    if not osp.isfile(pointer):
        return None
    with open(pointer, errors='replace') as file:
        named = file.read().strip('\0 \r\n')  # what a power cut leaves may be zeros
    here = osp.join(folder, osp.basename(named))
    return named if not named or osp.isfile(named) and not osp.isfile(here) else here


def newest_whole(work_dir: str, out_dir: str | None = None) -> tuple[str | None, list[str]]:
    """The checkpoint to go on from: the one that ``last_checkpoint`` names, or, if it is damaged, the newest intact one.

    Args:
        work_dir: the folder with ``last_checkpoint``.
        out_dir: the folder of the checkpoints; None: the same.

    Returns:
        Its path, or None where the folder has no checkpoint; and why each newer checkpoint was passed over.

    Raises:
        CheckpointError: there are checkpoints, but all of them are damaged or have no training state.
    """
    pointed, reasons = read_pointer(work_dir), []
    if pointed == '':
        reasons.append(f'{osp.join(work_dir, POINTER)} names no checkpoint')
    elif pointed is not None:
        try:
            iterations_in(pointed)
            return pointed, reasons
        except CheckpointError as error:
            reasons.append(str(error))
    # Numbers of epochs and of iterations do not compare: the newest of each kind, and of these the one furthest on.
    found: list[tuple[int, str]] = []
    for paths in numbered_checkpoints(out_dir or work_dir):
        for path in paths:
            if path == pointed:
                continue
            try:
                found.append((iterations_in(path), path))
                break
            except CheckpointError as error:
                reasons.append(str(error))
    if found:
        return max(found)[1], reasons
    if reasons:
        raise CheckpointError(
            f'there is no checkpoint in {out_dir or work_dir} to go on from: {"; ".join(reasons)}. Put a '
            'good one there, or start anew in another folder or without --resume'
        )
    return None, reasons


def best_recorded(checkpoint: str, save_best: str | Sequence[str]) -> str | None:
    """The path of the best checkpoint by validation, as a checkpoint of the same training records it.

    A killed run may leave a ``best_*`` file that is not recorded; the resumed run validates that epoch again.

    Args:
        checkpoint: path of the last checkpoint.
        save_best: the hook's metric. Of several metrics, the first chooses.

    Returns:
        A path in the folder of ``checkpoint``, which may have been moved; None: no best checkpoint is recorded.

    Raises:
        CheckpointError: the checkpoint cannot be read.
    """
    content = read_checkpoint(checkpoint)
    hub = content.get('message_hub') if isinstance(content, dict) else None
    info = (hub or {}).get('runtime_info', {})
    is_only = isinstance(save_best, str) or len(save_best) == 1
    best = info.get('best_ckpt' if is_only else f'best_ckpt_{save_best[0]}')
    return osp.join(osp.dirname(checkpoint), osp.basename(best)) if best else None


def numbered_checkpoints(folder: str) -> Iterator[list[str]]:
    """Paths of the checkpoints in a folder, newest first, for each kind of name (``epoch_N.pth``, ``iter_N.pth``).
    Checkpoints named ``best_*`` are left out: they have no optimiser state."""
    kinds: dict[str, list[tuple[int, str]]] = {}
    for name in os.listdir(folder) if osp.isdir(folder) else []:
        match = NUMBERED.match(name)
        if match is not None:
            kinds.setdefault(match[1], []).append((int(match[2]), osp.join(folder, name)))
    for _, entries in sorted(kinds.items()):
        yield [path for _, path in sorted(entries, reverse=True)]


def iterations_in(path: str) -> int:
    """The number of iterations after which a checkpoint was saved.

    Raises:
        CheckpointError: it cannot be read, or has no training state.
    """
    content = read_checkpoint(path)
    epoch, iterations = (meta_of(content).get(key) for key in ('epoch', 'iter'))
    if type(epoch) is not int or type(iterations) is not int or not isinstance(content.get('state_dict'), dict):
        raise CheckpointError(
            f'{path} has no state of a training in it; from its weights alone a run starts with --init-from'
        )
    return iterations
