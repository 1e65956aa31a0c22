"""Files of checkpoints: written whole or not at all, and the newest whole one found."""

import errno
import os
import os.path as osp
import re
from collections.abc import Iterator

from videossl.checkpoints.hand_off import HandOffError, read_plain

POINTER = 'last_checkpoint'
TEMPORARY = '.part'
NUMBERED = re.compile(r'^(?!best_)(.*?)(\d+)\.pth$')


def put_in_place(temporary: str, final: str) -> None:
    """Give a written file its name, after its bytes are on the disk, and see to it that the name is there too."""
    with open(temporary, 'rb+') as file:
        os.fsync(file.fileno())
    os.replace(temporary, final)
    sync_folder(osp.dirname(final) or '.')


def sync_folder(folder: str) -> None:
    """Flush the names in a folder to the disk, where the system can: elsewhere it cannot be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


def write_pointer(folder: str, checkpoint: str) -> None:
    """Let ``last_checkpoint`` in a folder name a checkpoint."""
    pointer = osp.join(folder, POINTER)
    with open(pointer + TEMPORARY, 'w') as file:
        file.write(checkpoint)
    put_in_place(pointer + TEMPORARY, pointer)


def read_pointer(folder: str) -> str | None:
    """The checkpoint that ``last_checkpoint`` in a folder names, as a path; empty where it names none, None where there
    is no such file.

    A file of that name in the folder itself goes before: the folder may have been moved or copied, with all in it.
    """
    pointer = osp.join(folder, POINTER)
    if not osp.isfile(pointer):
        return None
    with open(pointer, errors='replace') as file:
        named = file.read().strip('\0 \r\n')  # what a power cut leaves may be zeros
    here = osp.join(folder, osp.basename(named))
    return named if not named or osp.isfile(named) and not osp.isfile(here) else here


def remove_temporaries(folder: str) -> list[str]:
    """Remove what killed runs have left half-written among the checkpoints of a folder; returns the names."""
    removed = []
    for name in sorted(os.listdir(folder)) if osp.isdir(folder) else []:
        if name.endswith(f'.pth{TEMPORARY}') or name == POINTER + TEMPORARY:
            os.remove(osp.join(folder, name))
            removed.append(name)
    return removed


def newest_whole(work_dir: str, out_dir: str | None = None) -> tuple[str | None, list[str]]:
    """The checkpoint to go on from: the one that ``last_checkpoint`` names, or if it cannot be read, the newest that can.

    Args:
        work_dir: the folder with ``last_checkpoint``.
        out_dir: the folder of the checkpoints; None: the same.

    Returns:
        Its path, and for each newer one that was passed over, its path and what is wrong with it. None where there is no
        checkpoint at all.

    Raises:
        HandOffError: there are checkpoints, and none can be gone on from.
    """
    pointed, reasons = read_pointer(work_dir), []
    if pointed == '':
        reasons.append(f'{osp.join(work_dir, POINTER)} names no checkpoint')
    elif pointed is not None:
        try:
            iterations_in(pointed)
            return pointed, reasons
        except HandOffError as error:
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
            except HandOffError as error:
                reasons.append(str(error))
    if found:
        return max(found)[1], reasons
    if reasons:
        raise HandOffError(
            f'there is no checkpoint in {out_dir or work_dir} to go on from: {"; ".join(reasons)}. Put a '
            'good one there, or start anew in another folder or without --resume'
        )
    return None, reasons


def numbered_checkpoints(folder: str) -> Iterator[list[str]]:
    """The checkpoints in a folder, by kind (``epoch_N.pth``, ``iter_N.pth``), as paths, each kind from the newest on; the
    best ones by some metric, which have no optimiser, are none."""
    kinds: dict[str, list[tuple[int, str]]] = {}
    for name in os.listdir(folder) if osp.isdir(folder) else []:
        match = NUMBERED.match(name)
        if match is not None:
            kinds.setdefault(match[1], []).append((int(match[2]), osp.join(folder, name)))
    for _, entries in sorted(kinds.items()):
        yield [path for _, path in sorted(entries, reverse=True)]


def iterations_in(path: str) -> int:
    """After how many iterations of a training a checkpoint was saved.

    Raises:
        HandOffError: it cannot be read, or a training cannot go on from it.
    """
    content = read_plain(path)
    meta = content.get('meta') if isinstance(content, dict) else None
    places = [meta.get(key) for key in ('epoch', 'iter')] if isinstance(meta, dict) else [None]
    if not all(type(place) is int for place in places) or not isinstance(content.get('state_dict'), dict):
        raise HandOffError(
            f'{path} has no state of a training in it; from its weights alone a run starts with --init-from'
        )
    return places[1]
