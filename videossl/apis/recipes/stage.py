"""A stage of a recipe: its config, its folder, its state, and checks before it runs."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mmengine.config import Config, ConfigDict

from videossl.apis.running.check_config import check_config
from videossl.apis.running.launch import point_at_data, point_at_validation
from videossl.checkpoints.checkpoint_files import POINTER, best_recorded, numbered_checkpoints, read_pointer
from videossl.checkpoints.reading import damage
from videossl.config_files import load_config
from videossl.datasets import scan_videos
from videossl.errors import ConfigError
from videossl.files import whole_file
from videossl.wrappers import innermost_dataset


@dataclass
class Stage:
    """One stage of a recipe.

    Attributes:
        name: its key in the recipe, and the name of its folder.
        config: path of its config.
        folder: its work folder.
        data_root: folder of videos; None: that of the config.
        ann_file: list of videos to train on; None: that of the config, or with ``data_root`` all videos in it.
        test_ann_file: the same for the test.
        init_from: the stage whose checkpoint it starts from.
        init_epoch: epoch of that checkpoint; None: the last.
        options: overrides of its config.
    """

    name: str
    config: str
    folder: Path
    data_root: str | None = None
    ann_file: str | None = None
    test_ann_file: str | None = None
    init_from: 'Stage | None' = None
    init_epoch: int | None = None
    options: dict = field(default_factory=dict)

    @property
    def state_file(self) -> Path:
        return self.folder / 'stage.json'

    def read_state(self) -> dict:
        """The state of the stage: ``fingerprint``, ``seconds``, ``trained``, ``metrics``.

        Raises:
            ConfigError: the file is damaged.
        """
        if not self.state_file.exists():
            return dict(seconds=0.0)
        try:
            state = json.loads(self.state_file.read_bytes())
            if not isinstance(state, dict):
                raise ValueError('it is no object')
        except ValueError as error:
            raise ConfigError(
                f'{self.state_file} is damaged ({error}). Delete it: the stage goes on from its newest checkpoint'
            ) from None
        return dict(dict(seconds=0.0), **state)

    def write_state(self, state: dict) -> None:
        write_whole(self.state_file, json.dumps(state, indent=2))

    def has_checkpoint(self) -> bool:
        return (self.folder / POINTER).exists() or any(numbered_checkpoints(str(self.folder)))

    def checkpoint(self, epoch: int | None = None) -> str:
        """Path of the checkpoint after an epoch; without an epoch, of the best one by validation where the config chooses so
        (:attr:`chosen_by`), else of the last.

        Raises:
            ConfigError: the checkpoint does not exist, or is damaged.
            CheckpointError: the last checkpoint, which names the best one, cannot be read.
        """
        if epoch is not None:
            return self._intact(self.folder / f'epoch_{epoch}.pth')
        last = self._intact(Path(read_pointer(str(self.folder)) or self.folder / POINTER))
        best = None if self.chosen_by is None else best_recorded(last, self.chosen_by)
        return last if best is None else self._intact(Path(best))

    def _intact(self, path: Path) -> str:
        """The path of a checkpoint, after a look at the file."""
        if not path.exists():
            raise ConfigError(
                f'stage {self.name}: there is no checkpoint {path}. Either it was deleted; then delete '
                'the whole folder to run the stage anew. Or the stage does not keep this epoch; see '
                'max_keep_ckpts and interval in default_hooks.checkpoint'
            )
        reason = damage(path)
        if reason is not None:
            raise ConfigError(
                f'stage {self.name}: its checkpoint {path} cannot be used: {reason}. Put a good copy in its '
                f'place; or delete {self.state_file}, and the stage goes on from the newest checkpoint '
                'that is whole'
            )
        return str(path)

    @cached_property
    def resolved_config(self) -> Config:
        """The config with overrides and data merged in."""
        try:
            config = load_config(self.config, dict(self.options))
            if config.get('train_dataloader') is None:
                raise ConfigError('it has no train_dataloader, so there is nothing to train')
            point_at_data(config.train_dataloader, self.data_root, self.ann_file)
            for name in ('val_dataloader', 'test_dataloader'):
                if config.get(name) is None:
                    continue
                if 'dataset' not in config[name]:
                    raise ConfigError(f'its {name} has no dataset: settings were given for what the config has not')
                if name == 'val_dataloader':
                    point_at_validation(config[name], self.data_root, self.ann_file, self.test_ann_file)
                else:
                    point_at_data(config[name], self.data_root, self.test_ann_file)
        except ConfigError as error:
            raise ConfigError(f'stage {self.name}, {self.config}: {error}') from None
        return config

    @property
    def has_test(self) -> bool:
        return self.resolved_config.get('test_dataloader') is not None

    @property
    def chosen_by(self) -> str | list[str] | None:
        """The validation metric that chooses the checkpoint, ``save_best`` of the config; None: the last checkpoint counts.

        Validation on the videos of the test chooses nothing, since the tested accuracy would be too high.
        """
        config = self.resolved_config
        metric = ((config.get('default_hooks') or {}).get('checkpoint') or {}).get('save_best')
        validation, test = (_videos_of(config.get(name)) for name in ('val_dataloader', 'test_dataloader'))
        return metric if metric and validation is not None and validation != test else None

    def lists(self) -> list[Path]:
        """The lists of videos that the stage reads."""
        paths = []
        for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            loader = self.resolved_config.get(name)
            if loader is None:
                continue
            dataset = innermost_dataset(loader.dataset)
            if dataset.get('ann_file'):
                paths.append(Path(dataset.get('data_root') or '') / dataset.ann_file)
        return paths

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything that the result of the stage depends on, except the content of the videos."""
        parts = [self.resolved_config.to_dict(), self.init_epoch, self.init_from and self.init_from.fingerprint]
        parts += [hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None for path in self.lists()]
        if self.data_root is not None and self.ann_file is None:
            try:
                parts.append(scan_videos(self.data_root))
            except FileNotFoundError:  # the data set reports it
                parts.append(None)
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def check(self) -> None:
        """Check what would stop this stage, before the hours of other stages.

        Raises:
            ConfigError: its config cannot be used, its data do not exist, or its folder holds a stage of other settings.
        """
        state = self.read_state()
        fingerprint = self.fingerprint
        if state.get('fingerprint', fingerprint) != fingerprint and self.has_checkpoint():
            raise ConfigError(
                f'{self.folder} holds stage "{self.name}" of other settings (config, data or a stage '
                'before it differ). Choose another --work-dir, or delete that folder to run the stage '
                'anew'
            )
        if state.get('trained') and ('metrics' in state or not self.has_test):
            return
        try:
            check_config(self.resolved_config)
        except ConfigError as error:
            raise ConfigError(f'stage {self.name}, {self.config}: {error}') from None
        for path in self.lists():
            if not path.is_file() and '://' not in str(path):
                raise ConfigError(
                    f'stage {self.name}: there is no list {path}; name the folder of the videos with '
                    '--data-root, and lists below it with --ann-file NAME=LIST'
                )
        learns_labels = 'cls_head' in self.resolved_config.get('model', {})
        if (
            self.data_root is not None
            and learns_labels
            and not (self.ann_file and (self.test_ann_file or not self.has_test))
        ):
            raise ConfigError(
                f'stage {self.name} learns labels, and a folder has none: give its lists with --ann-file '
                f'(for training and test; by the names of the recipe, or {self.name}=LIST '
                f'{self.name}.test=LIST), or choose stages without labels with --stage'
            )


def _videos_of(loader: ConfigDict | None) -> tuple | None:
    """What tells the videos of one loader from those of another; None: there is no loader."""
    if loader is None:
        return None
    dataset = innermost_dataset(loader.dataset)
    path = os.path.join(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    return os.path.abspath(path), dataset.get('hold_out')


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with whole_file(path, flush=True) as temporary:
        temporary.write_text(text)
