"""From a checkpoint of a training run to a file for others, to test and fine-tune with."""

import hashlib
import re
from datetime import datetime, timezone
from pathlib import Path

from videossl.errors import CheckpointError
from videossl.files import whole_file

from .reading import meta_of, read_checkpoint, split_weights
from .report import KeyReport
from .writing import plain_bytes, versions, without_sharing

TRAINING_ONLY = ('teacher.', 'memory_bank.', 'predictors.', 'adversary.')
META_KEYS = ('cfg', 'dataset_meta', 'epoch', 'iter', 'seed', 'experiment_name', 'mmengine_version', 'time')
LOCAL_PATH = re.compile(r"(?m)^(work_dir|load_from) = '[^'\n]*'$")


def publish_model(checkpoint: str | Path, out: str | Path | None = None) -> tuple[Path, KeyReport]:
    """Write what is needed to test a model, and nothing else, to a file named after its content.

    Left out are the optimiser, the schedules, the message hub, the averaged teacher, the memory bank, the predictors and
    the adversary; of the config ``work_dir`` and ``load_from``.

    Args:
        checkpoint: of a run.
        out: the new file without date and digits. None: beside the checkpoint, named after it. As in mmaction2, the file is
            called ``NAME_YYYYMMDD-XXXXXXXX.pth``: the date, and the first 8 digits of the file's SHA-256, which
            ``torch.hub.load_state_dict_from_url(check_hash=True)`` compares.

    Returns:
        The path of the new file, and which names were taken and dropped.

    Raises:
        CheckpointError: the file cannot be read, or holds nothing but parts for training.
    """
    checkpoint = Path(checkpoint)
    weights, beside = split_weights(read_checkpoint(checkpoint), checkpoint)
    out = Path(out) if out is not None else checkpoint.with_suffix('.pth')
    if out.suffix not in ('.pth', '.pt'):
        raise CheckpointError(
            f'--out {out}: the name of a published model ends with .pth or .pt; other formats: videossl export'
        )
    tensors = {name: value for name, value in weights.items() if not name.startswith(TRAINING_ONLY)}
    if not tensors:
        raise CheckpointError(
            f'{checkpoint} holds nothing but parts that only training needs: '
            f'{", ".join(sorted({name.split(".")[0] for name in weights}))}'
        )
    old = meta_of(beside)
    meta = {key: old[key] for key in META_KEYS if key in old}
    notes = [f'left out beside the weights: {", ".join(str(key) for key in beside if key != "meta") or "nothing"}']
    if isinstance(meta.get('cfg'), str):
        meta['cfg'] = without_local_paths(meta['cfg'])
        notes += notes_on_paths(meta['cfg'])
    meta['versions'] = versions()

    content = plain_bytes(dict(state_dict=without_sharing(tensors), meta=meta))
    digest = hashlib.sha256(content).hexdigest()
    date = datetime.now(timezone.utc).strftime('%Y%m%d')
    final = out.with_name(f'{out.stem}_{date}-{digest[:8]}{out.suffix}')
    with whole_file(final, flush=True) as temporary:
        temporary.write_bytes(content)
    notes.append(f'{final}: SHA-256 {digest}')
    return final, KeyReport(list(tensors), [name for name in weights if name not in tensors], notes=notes)


def without_local_paths(text: str) -> str:
    """A config's text without ``work_dir`` and ``load_from``."""
    return LOCAL_PATH.sub(r'\1 = None', text)


def notes_on_paths(text: str) -> list[str]:
    """A note where a config's text names paths of the machine."""
    paths = sorted(set(re.findall(r"'(/[^'\n]+)'", text)))
    return [f'the config in the file still names paths of this machine: {", ".join(paths)}'] if paths else []
