"""Repairs of third-party packages, each with its version and the condition under which it is no longer needed.

:func:`apply` runs once, when videossl is imported. Every repair tests for the fault before it touches anything, where
that can be told, so with a mended release it does nothing; :data:`applied` lists what was done, for the log.
"""

import functools
import gc
import importlib.metadata
import importlib.util
import inspect
import os
import os.path as osp
import sys
import types
import warnings
from typing import Any

applied: list[str] = []


def apply() -> None:
    """Run every repair whose fault is there, and import mmaction2's modules, which fill its registries."""
    if applied:
        return
    check_mmcv_version()
    for repair in (
        stub_missing_drn,
        leave_out_vindlu,
        replace_pkg_resources,
        know_videossl_configs,
        keep_order_of_config_keys,
        silence_file_client,
        refuse_objects_in_checkpoints,
        run_no_config_in_checkpoints,
        leave_inherited_objects_alone,
    ):
        if repair():
            applied.append(repair.__name__)
    import_mmaction()
    applied.append('import_mmaction')


def check_mmcv_version() -> None:
    """mmaction2 1.2.0 refuses mmcv 2.2 with a bare assertion; say in one line what to do about it."""
    for name in ('mmcv', 'mmcv-lite'):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if tuple(int(part) for part in version.split('.')[:2]) >= (2, 2):
            raise ImportError(
                f'mmaction2 does not work with {name} {version}. '
                f'Run: pip uninstall -y {name} && pip install "mmcv-lite>=2.0.1,<2.2"'
            )


def stub_missing_drn() -> bool:
    """The mmaction2 1.2.0 wheel lacks ``mmaction.models.localizers.drn``, so ``import mmaction.models`` fails
    (open-mmlab/mmaction2#2714). Put an empty stand-in there. Not needed once the folder is in the wheel."""
    spec = importlib.util.find_spec('mmaction')
    if spec is None or spec.origin is None:
        raise ImportError('videossl needs mmaction2: pip install --no-deps mmaction2==1.2.0')
    if osp.exists(osp.join(osp.dirname(spec.origin), 'models', 'localizers', 'drn')):
        return False

    class DRN:
        """Stand-in for a localiser that the installed mmaction2 does not contain."""

        def __init__(self, *args, **kwargs):
            raise ImportError('the installed mmaction2 wheel does not contain the DRN localiser')

    package = 'mmaction.models.localizers.drn'
    for name in (package, f'{package}.drn'):
        module = types.ModuleType(name)
        setattr(module, 'DRN', DRN)  # noqa: B010
        sys.modules[name] = module
    sys.modules[package].__path__ = []
    return True


def leave_out_vindlu() -> bool:
    """mmaction2 1.2.0 imports its VindLU models wherever transformers is installed; they need timm, which it does not
    declare, and names that newer transformers have dropped, so ``import mmaction.models`` fails. Let it do as without
    transformers: placeholders, which say that something is missing. Not needed once ``mmaction/models/multimodal``
    imports with transformers alone."""
    from mmaction.utils import dependency

    if not dependency.WITH_MULTIMODAL:
        return False
    try:
        from timm.models.layers import DropPath  # noqa: F401
        from transformers.modeling_utils import apply_chunking_to_forward, find_pruneable_heads_and_indices  # noqa: F401
        from transformers.models.beit.modeling_beit import BeitAttention, BeitRelativePositionBias  # noqa: F401
    except ImportError:
        dependency.WITH_MULTIMODAL = False
        return True
    return False


def replace_pkg_resources() -> bool:
    """mmengine 0.10.7 asks ``pkg_resources`` whether a package is installed; setuptools 82 dropped it and a bare
    Python 3.12 environment has no setuptools. Answer through the import system instead. Not needed once
    ``mmengine/utils/package_utils.py`` no longer imports ``pkg_resources``."""
    if importlib.util.find_spec('pkg_resources') is not None:
        return False
    import mmengine.config.config
    import mmengine.hub.hub
    import mmengine.utils.package_utils

    def is_installed(package: str) -> bool:
        """Whether a package, by its distribution's or its module's name, is installed."""
        return _find_package_directory(package) is not None

    def get_installed_path(package: str) -> str:
        """The folder of an installed package, by its distribution's or its module's name."""
        directory = _find_package_directory(package)
        if directory is None:
            raise ModuleNotFoundError(f'{package} is not installed')
        return directory

    for module in (mmengine.utils.package_utils, mmengine.utils, mmengine.config.config, mmengine.hub.hub):
        module.is_installed = is_installed
        module.get_installed_path = get_installed_path
    return True


def _find_package_directory(package: str) -> str | None:
    from mmengine.config.utils import MODULE2PACKAGE

    package_to_module = {value: key for key, value in MODULE2PACKAGE.items()}
    spec = importlib.util.find_spec(package_to_module.get(package, package))
    return osp.dirname(spec.origin) if spec is not None and spec.origin is not None else None


def config_directory() -> str:
    """Where our configs are: inside the installed package, or beside it in a checkout."""
    package = osp.dirname(osp.abspath(__file__))
    installed = osp.join(package, '.mim', 'configs')
    return installed if osp.isdir(installed) else osp.join(osp.dirname(package), 'configs')


def know_videossl_configs() -> bool:
    """mmengine 0.10.7 resolves ``_base_ = ['package::...']`` for a fixed list of packages only, and only where they were
    installed from a wheel. Add ours, in a wheel and in a checkout alike. Not needed once mmengine has an entry point
    for this."""
    from mmengine.config import Config

    resolve_other = Config._get_cfg_path

    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        scope, separator, relative = cfg_path.partition('::')
        if not separator or scope != 'videossl':
            return resolve_other(cfg_path, filename)
        path = osp.join(config_directory(), relative)
        if not osp.exists(path):
            raise FileNotFoundError(f'{filename}: there is no config {relative} in videossl ({config_directory()})')
        return path, scope

    Config._get_cfg_path = staticmethod(get_cfg_path)
    return True


def keep_order_of_config_keys() -> bool:
    """mmengine 0.10.7 writes a config, to a work folder or into a checkpoint, with the keys of each dict sorted. The named
    steps of a pipeline run in the order of their keys, so keep it. ``Config.pretty_text`` holds the one call of
    ``sorted`` in its module. Not needed once it calls it no more."""
    from mmengine.config import Config, config

    inner_functions = (part for part in Config.pretty_text.fget.__code__.co_consts if inspect.iscode(part))
    if not any('sorted' in function.co_names for function in inner_functions):
        return False
    config.sorted = lambda items, key=None: list(items)
    return True


def import_mmaction() -> None:
    """A parent registry does not import its own modules when it is asked through a child, so import them here. The
    warnings dropped are mmcv-lite's, about compiled operators that nothing here uses."""
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Fail to import')
        import mmaction.datasets
        import mmaction.engine
        import mmaction.evaluation
        import mmaction.models
        import mmaction.structures
        import mmaction.visualization  # noqa: F401


def silence_file_client() -> bool:
    """mmengine 0.10.7 logs two warnings, that its ``FileClient`` will be deprecated, whenever its own checkpoint hook or
    mmaction2 opens a file through it: at the start of every run, and nothing a user could do about. Not needed once
    ``mmengine/fileio/file_client.py`` logs nothing, or neither of them uses it."""
    from mmengine.fileio import file_client

    if not hasattr(file_client, 'print_log'):
        return False
    file_client.print_log = lambda *args, **kwargs: None
    return True


def refuse_objects_in_checkpoints() -> bool:
    """mmengine 0.10.7 downloads checkpoints with ``weights_only=False``, so that they may run code. Let it read plain types
    alone. (:mod:`videossl.checkpoints.reading` reads all files on the disk.) Not needed once mmengine's
    loaders say ``weights_only=True``."""
    from mmengine.runner import checkpoint

    if 'weights_only' in inspect.getsource(checkpoint):
        return False
    checkpoint.load_url = functools.partial(checkpoint.load_url, weights_only=True)
    return True


def run_no_config_in_checkpoints() -> bool:
    """When a run is resumed, mmengine 0.10.7 executes the text under ``meta.config`` of the checkpoint (mmcv 1.x wrote the
    config there), to compare numbers of GPUs. Leave that entry out of whatever is loaded. Not needed once
    ``Runner.resume`` no longer calls ``Config.fromstring``."""
    from mmengine.runner import Runner
    from mmengine.runner.checkpoint import CheckpointLoader

    if 'fromstring' not in inspect.getsource(Runner.resume):
        return False
    load = CheckpointLoader.load_checkpoint

    def load_checkpoint(filename: str, map_location: Any = None, logger: Any = 'current') -> Any:
        content = load(filename, map_location, logger)
        meta = content.get('meta') if isinstance(content, dict) else None
        if isinstance(meta, dict):
            meta.pop('config', None)
        return content

    CheckpointLoader.load_checkpoint = load_checkpoint
    return True


def leave_inherited_objects_alone() -> bool:
    """A video reader of decord 0.6.0 waits for its threads when it is freed. A forked process, such as a loader worker,
    inherits readers without their threads, and waits for ever if its garbage collector frees one. Freeze the objects that a
    forked process inherits, which also keeps their memory shared. The fault depends on timing, so it is not detected here but
    in the tests. Not needed once such a reader can be freed in a forked process."""
    if not hasattr(os, 'register_at_fork'):
        return False
    os.register_at_fork(after_in_child=gc.freeze)
    return True
