"""From a config file and command-line arguments to a config that can run."""

import os
import platform
import subprocess
import sys
from argparse import Namespace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config, ConfigDict

import videossl.cores as cores_module
from videossl.apis.running import launch
from videossl.apis.running.launch import finish_config, keep_freed_memory, point_at_data, share_threads
from videossl.config_files import check_option, load_config
from videossl.errors import ConfigError

CONFIGS = Path(__file__).parents[3] / 'configs'
VSPP = str(CONFIGS / 'vspp' / 'vspp_r3d-10_16x1x1-20e_k100-rgb.py')
FINETUNE = str(CONFIGS / 'downstream' / 'finetune_r3d-10_16x1x1-25e_ucf101-rgb.py')


def arguments(**kwargs):
    return Namespace(
        **dict(
            dict(
                config='some/where/name.py', work_dir=None, launcher='none', local_rank=0, amp=False, cfg_options=None
            ),
            **kwargs,
        )
    )


# -------------------------------------------------------------------------------------------------------------- options
def test_options_reach_nested_keys_and_entries_of_lists():
    config = load_config(
        VSPP,
        {
            'model.backbone.base_channels': 4,
            'train_dataloader.dataset.pipeline.sample.num_speeds': 3,
            'train_dataloader.dataset.pipeline.clips.transforms.crop.size': 32,
            'param_scheduler.0.step_size': 2,
        },
    )
    plain = load_config(VSPP)
    pipeline, plain_pipeline = config.train_dataloader.dataset.pipeline, plain.train_dataloader.dataset.pipeline
    assert config.model.backbone.base_channels == 4 and config.model.backbone.type == 'R3D'
    assert pipeline.sample == {**plain_pipeline.sample, 'num_speeds': 3}
    transforms, plain_transforms = pipeline.clips.transforms, plain_pipeline.clips.transforms
    assert transforms.crop['size'] == 32 and plain_transforms.crop['size'] == 112
    assert transforms.resize == plain_transforms.resize
    assert list(pipeline) == list(plain_pipeline)
    assert config.param_scheduler[0].step_size == 2


@pytest.mark.parametrize(
    'option, suggestion',
    [
        ('modle.backbone.depth', 'model'),
        ('train_dataloder.batch_size', 'train_dataloader'),
        ('model.bakbone.depth', 'backbone'),
        ('model.backbone.dept', 'depth'),
        ('train_dataloader.batchsize', 'batch_size'),
        ('train_cfg.max_epoch', 'max_epochs'),
        ('train_dataloader.dataset.pipelin.1.num_speeds', 'pipeline'),
        ('train_dataloader.dataset.pipeline.sample.num_speed', 'num_speeds'),
        ('default_hooks.precison.precision', 'precision'),
        ('randomnes.seed', 'randomness'),
        ('work_dri', 'work_dir'),
    ],
)
def test_a_misspelt_option_is_refused_with_what_was_meant(option, suggestion):
    with pytest.raises(ConfigError) as error:
        load_config(VSPP, {option: 1})
    assert f'--cfg-options {option}' in str(error.value)
    assert f'did you mean "{suggestion}"?' in str(error.value)


@pytest.mark.parametrize(
    'option, words',
    [
        ('param_scheduler.99.gamma', ['"param_scheduler"', '99']),
        ('train_dataloader.dataset.pipeline.xyzzy.scale', ['"train_dataloader.dataset.pipeline"', "'clips'"]),
        ('model.xyzzy.depth', ['"xyzzy"', '"model"', 'backbone']),
        ('model.backbone.depth.value', ['"model.backbone.depth"', 'no keys']),
        ('model.backbone.init_cfg.type', ['"init_cfg"', '"model.backbone"', 'depth']),
        ('load_from.path', ['"load_from"', 'None', 'no keys']),
    ],
)
def test_an_option_whose_place_does_not_exist_is_refused_with_what_there_is(option, words):
    with pytest.raises(ConfigError) as error:
        load_config(VSPP, {option: 1})
    assert all(word in str(error.value) for word in [option, *words]), error.value


@pytest.mark.parametrize(
    'option, value',
    [
        ('model.backbone.frozen_stages', 1),
        ('train_dataloader.dataset.num_classes', 4),
        ('train_dataloader.dataset.pipeline.open.num_threads', 2),
        ('randomness.deterministic', True),
        ('auto_scale_lr.base_batch_size', 30),
        ('experiment_name', 'mine'),
        ('work_dir', 'somewhere'),
    ],
)
def test_new_constructor_arguments_and_the_runners_own_keys_are_allowed(option, value):
    config = load_config(VSPP, {option: value})
    place = config
    for part in option.split('.'):
        place = place[int(part)] if part.isdigit() else place[part]
    assert place == value


def test_an_option_of_a_name_that_was_copied_to_where_it_is_used_names_that_place(tmp_path):
    (tmp_path / 'config.py').write_text(
        "opener = dict(type='VideoReaderInit')\ntrain_dataloader = dict(dataset=dict(pipeline=dict(open=opener)))\n"
    )
    with pytest.raises(ConfigError) as error:
        load_config(str(tmp_path / 'config.py'), {'opener.backend': 'decord'})
    assert 'would change nothing' in str(error.value)
    assert str(error.value).endswith('set train_dataloader.dataset.pipeline.open.backend=...')


def test_checking_an_option_does_not_change_the_config():
    config = Config(dict(model=dict(type='A', layers=[dict(width=1)])))
    check_option(config, 'model.layers.0.height')
    check_option(config, 'model.depth')
    assert config.to_dict() == dict(model=dict(type='A', layers=[dict(width=1)]))


# --------------------------------------------------------------------------------------------------------- config files
def test_a_misspelt_key_in_a_config_file_is_refused_with_what_was_meant(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text("model = dict(type='Pretrainer')\ntrain_dataloder = dict(batch_size=2)\n")
    with pytest.raises(ConfigError) as error:
        load_config(str(path))
    words = [str(path), '"train_dataloder"', 'did you mean "train_dataloader"?']
    assert all(word in str(error.value) for word in words), error.value


def test_a_configs_own_variables_are_no_misspelt_keys(tmp_path):
    path = tmp_path / 'config.py'
    names = [
        'train_pipeline',
        'val_pipeline',
        'clip_len',
        'data_root',
        'dataset_type',
        'ann_file_train',
        'num_classes',
        'file_client_args',
        'base_lr',
        'optimizer',
        'model_depth',
    ]
    path.write_text('\n'.join(f'{name} = 1' for name in names))
    assert set(names) <= set(load_config(str(path)))


def test_a_config_of_every_folder_of_ours_passes_the_check():
    folders = [folder for folder in CONFIGS.iterdir() if folder.name not in ('_base_', 'recipes', 'studies')]
    assert folders
    for folder in folders:
        load_config(str(min(folder.glob('*.py'))))


def test_a_missing_config_is_named_with_the_nearest_one():
    with pytest.raises(ConfigError) as error:
        load_config(VSPP.replace('20e', '21e'))
    assert VSPP.replace('20e', '21e') in str(error.value) and f'did you mean {VSPP}?' in str(error.value)
    with pytest.raises(ConfigError, match='there is no config no/such/folder/a.py$'):
        load_config('no/such/folder/a.py')


def test_what_is_no_config_is_refused_by_its_name(tmp_path):
    with pytest.raises(ConfigError, match='is a folder; name a config in it'):
        load_config(str(tmp_path))
    (tmp_path / 'epoch_1.pth').write_bytes(b'')
    with pytest.raises(ConfigError, match=r'epoch_1\.pth is no config'):
        load_config(str(tmp_path / 'epoch_1.pth'))


# ------------------------------------------------------------------------------------------------------------- the data
def loader(**dataset):
    return ConfigDict(
        dataset=dict(
            dict(type='VideoDataset', data_root='old', ann_file='old.txt', data_prefix=dict(video='train')), **dataset
        )
    )


def test_data_root_alone_has_the_folder_scanned():
    changed = loader()
    point_at_data(changed, 'mine', None)
    assert changed.dataset == dict(type='VideoDataset', data_root='mine', ann_file=None, data_prefix=dict(video=''))


def test_data_root_with_a_list_reads_the_list_below_it():
    changed = loader()
    point_at_data(changed, 'mine', 'lists/mine.txt')
    assert changed.dataset == dict(
        type='VideoDataset', data_root='mine', ann_file='lists/mine.txt', data_prefix=dict(video='')
    )


def test_a_list_alone_stays_below_the_configs_data_root():
    changed = loader()
    point_at_data(changed, None, 'mine.txt')
    assert changed == loader(ann_file='mine.txt')


def test_neither_leaves_the_config_alone():
    changed = loader()
    point_at_data(changed, None, None)
    assert changed == loader()


def test_the_data_set_inside_wrappers_is_the_one_that_is_pointed_elsewhere():
    inner = loader().dataset
    changed = ConfigDict(
        dataset=dict(
            type='RepeatDataset',
            times=10,
            dataset=dict(type='ClassBalancedDataset', oversample_thr=1e-3, dataset=inner),
        )
    )
    point_at_data(changed, 'mine', 'mine.txt')
    assert changed.dataset.times == 10
    assert 'data_root' not in changed.dataset and 'data_root' not in changed.dataset.dataset
    assert changed.dataset.dataset.dataset == dict(
        type='VideoDataset', data_root='mine', ann_file='mine.txt', data_prefix=dict(video='')
    )


def test_a_concatenation_is_refused_as_nobody_can_know_which_part_is_meant():
    changed = ConfigDict(dataset=dict(type='ConcatDataset', datasets=[loader().dataset, loader().dataset]))
    with pytest.raises(ConfigError, match=r'--data-root.*ConcatDataset.*datasets\.0\.data_root'):
        point_at_data(changed, 'mine', None)


@pytest.mark.parametrize('wrapped', [False, True])
def test_the_heads_number_of_classes_reaches_every_video_dataset(wrapped):
    config = load_config(FINETUNE)
    config.model.cls_head.num_classes = 7
    if wrapped:
        config.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=config.train_dataloader.dataset)
    config.val_dataloader = dict(num_workers=2, dataset=dict(type='videossl.VideoDataset'))
    finish_config(config, arguments())
    train = config.train_dataloader.dataset
    assert (train.dataset if wrapped else train).num_classes == 7
    assert config.val_dataloader.dataset.num_classes == config.test_dataloader.dataset.num_classes == 7


def test_a_pretraining_config_and_other_data_sets_get_no_number_of_classes():
    config = finish_config(load_config(VSPP), arguments())
    assert 'num_classes' not in config.train_dataloader.dataset
    config = load_config(FINETUNE)
    config.test_dataloader.dataset.type = 'RawframeDataset'
    assert 'num_classes' not in finish_config(config, arguments()).test_dataloader.dataset


# ---------------------------------------------------------------------------------------------------- workers and cores
@pytest.fixture
def machine(monkeypatch):
    """A function that pretends a number of cores, a device, and threads; what torch is told then stands in the list it
    returns."""

    def pretend(
        cores: int,
        device: str = 'cpu',
        threads: int | None = None,
        processes: int | None = None,
        omp: str | None = None,
    ) -> list[int]:
        monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(cores)), raising=False)
        for module in (launch, cores_module):
            monkeypatch.setattr(module, 'get_device', lambda: device)
        for name, value in (('LOCAL_WORLD_SIZE', processes), ('OMP_NUM_THREADS', omp)):
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, str(value))
        told: list[int] = []
        monkeypatch.setattr(torch, 'get_num_threads', lambda: told[-1] if told else threads or cores)
        monkeypatch.setattr(torch, 'set_num_threads', told.append)
        return told

    return pretend


@pytest.mark.parametrize(
    'pretended, cores, expected',
    [
        (dict(cores=8), 6, [6]),
        (dict(cores=8, threads=4), 6, []),  # fewer than that already
        (dict(cores=8, device='cuda'), 1, []),  # computes elsewhere
        (dict(cores=8, omp='8'), 6, []),
        (dict(cores=1), 1, []),
    ],
)
def test_on_a_cpu_threads_take_the_cores_that_workers_leave_unless_the_environment_decides(
    machine, pretended, cores, expected
):
    told = machine(**pretended)
    share_threads(cores)
    assert told == expected


@pytest.mark.parametrize('options, workers, threads', [(None, 2, [6]), ({'train_dataloader.num_workers': 5}, 5, [3])])
def test_a_config_that_is_about_to_train_shares_the_cores_as_its_training_loader_has_them(
    machine, options, workers, threads
):
    told = machine(8)
    config = load_config(VSPP, options)
    assert options or config.train_dataloader.num_workers > 2, 'asks for more than it gets'
    finish_config(config, arguments(cfg_options=options))
    assert config.train_dataloader.num_workers == workers and told == threads


def test_workers_of_other_loaders_leave_the_threads_alone(machine):
    told = machine(8)
    config = load_config(FINETUNE)
    config.train_dataloader.num_workers = 0
    config.test_dataloader.num_workers = 2
    finish_config(config, arguments())
    assert config.test_dataloader.num_workers == 2 and told == []


# --------------------------------------------------------------------------------------------------------- torch.compile
@pytest.mark.parametrize('value, options', [(True, dict()), (dict(mode='max-autotune'), dict(mode='max-autotune'))])
def test_compile_puts_the_hook_that_compiles_backbones_in_the_place_of_mmengines(value, options):
    config = finish_config(load_config(VSPP, {'compile': value}), arguments())
    assert config.default_hooks.compile == dict(type='videossl.CompileHook', **options)
    assert 'compile' not in config


@pytest.mark.parametrize('value', [False, None])
def test_without_compile_nothing_is_compiled(value):
    config = finish_config(load_config(VSPP, {'compile': value}), arguments())
    assert 'compile' not in config and 'compile' not in config.default_hooks


def test_compile_is_neither_a_word_nor_a_number():
    with pytest.raises(ConfigError, match="compile must be .*got 'yes'"):
        finish_config(load_config(VSPP, {'compile': 'yes'}), arguments())


# ------------------------------------------------------------------------------------------------------- what is left
def test_the_work_folder_is_the_argument_or_the_configs_or_the_configs_name():
    assert finish_config(Config(dict()), arguments()).work_dir == os.path.join('work_dirs', 'name')
    assert finish_config(Config(dict(work_dir='mine')), arguments()).work_dir == 'mine'
    assert finish_config(Config(dict(work_dir='mine')), arguments(work_dir='other')).work_dir == 'other'


def test_amp_sets_the_one_switch_for_the_precision(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    config = finish_config(load_config(VSPP), arguments(amp=True))
    assert config.default_hooks.precision.precision == 'bf16'
    assert config.optim_wrapper.type == 'OptimWrapper'
    assert finish_config(load_config(VSPP), arguments()).default_hooks.precision.precision == 'auto'


@pytest.mark.parametrize(
    'has_bf16, precision, wrapper', [(True, 'bf16', 'OptimWrapper'), (False, 'fp16', 'AmpOptimWrapper')]
)
def test_amp_on_a_gpu_is_bf16_or_else_fp16_with_loss_scaling(monkeypatch, has_bf16, precision, wrapper):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation=True: has_bf16)
    config = load_config(VSPP)
    launch.use_mixed_precision(config)
    assert config.default_hooks.precision.precision == precision
    assert config.optim_wrapper.type == wrapper
    assert config.optim_wrapper.get('loss_scale') == ('dynamic' if precision == 'fp16' else None)
    testing = load_config(FINETUNE)
    testing.optim_wrapper = None
    launch.use_mixed_precision(testing)
    assert testing.default_hooks.precision.precision == precision


def test_amp_adds_the_hook_to_a_stock_config_that_lacks_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    config = Config(dict(optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1))))
    launch.use_mixed_precision(config)
    assert config.default_hooks.precision == dict(type='videossl.PrecisionHook', precision='bf16')


def test_several_processes_without_gpus_need_torchrun(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match='--launcher pytorch.*slurm'):
        finish_config(load_config(VSPP), arguments(launcher='slurm'))


@pytest.mark.parametrize(
    ('options', 'seconds'),
    [({}, 7200), ({'env_cfg.dist_cfg.timeout': 10}, 10), ({'env_cfg': None}, 7200), ({'env_cfg.dist_cfg': None}, 7200)],
)
def test_several_processes_wait_long_for_each_other_unless_the_config_says_how_long(monkeypatch, options, seconds):
    config = load_config(VSPP, options)
    assert 'timeout' not in str(finish_config(load_config(VSPP), arguments()).env_cfg)
    calls: list[dict] = []
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.distributed, 'init_process_group', lambda backend, **arguments: calls.append(arguments))
    finish_config(config, arguments(launcher='pytorch'))
    assert calls == [dict(timeout=timedelta(seconds=seconds))]
    assert config.env_cfg.dist_cfg.timeout == seconds
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    with_gpus = finish_config(load_config(VSPP, options), arguments(launcher='slurm'))
    assert with_gpus.env_cfg.dist_cfg.timeout == seconds


def test_a_hook_of_ours_is_taken_out_as_mmengines_are():
    config = load_config(VSPP, {'default_hooks.loss_guard': None, 'default_hooks.timer': None})
    hooks = finish_config(config, arguments()).default_hooks
    assert 'loss_guard' not in hooks and 'collapse' in hooks and hooks.timer is None, 'mmengine sees to its own'


PAGES = """
import resource
import torch
from videossl.apis.running.launch import keep_freed_memory
for kept in (False, True):
    if kept:
        keep_freed_memory()
    for step in range(8):
        if step == 3:  # until then the heap grows to what it needs
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        [torch.ones(16, 2**20) for _ in range(2)]  # 64 MiB each
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
ALLOCATOR = ('MALLOC_', 'GLIBC_TUNABLES', 'LD_PRELOAD')


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='other C libraries are left alone')
def test_memory_that_was_freed_stays():
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ALLOCATOR)}
    run = subprocess.run([sys.executable, '-c', PAGES], env=environment, capture_output=True, text=True, check=True)
    given_back, kept = (int(line) for line in run.stdout.split())
    # Five steps touch 640 MiB, in pages of 4 KiB or, where the system gives such by itself, of 2 MiB.
    assert given_back >= 5 * 64
    assert kept < 100


def test_an_allocator_that_the_user_has_set_up_is_left_alone(monkeypatch):
    for name in [name for name in os.environ if name.startswith(ALLOCATOR)]:
        monkeypatch.delenv(name)
    calls = []
    monkeypatch.setattr(launch.ctypes, 'CDLL', lambda name: SimpleNamespace(mallopt=lambda *args: calls.append(args)))
    monkeypatch.setattr(launch.platform, 'libc_ver', lambda: ('glibc', '2.36'))
    monkeypatch.setenv('MALLOC_ARENA_MAX', '4')
    keep_freed_memory()
    assert not calls
    monkeypatch.delenv('MALLOC_ARENA_MAX')
    keep_freed_memory()
    assert calls == [(-3, 2**30), (-1, 2**31 - 1)]


def test_a_list_among_the_options_that_the_folder_would_undo_is_refused():
    lists = dict(cfg_options={'train_dataloader.dataset.ann_file': 'list.txt'}, data_root='videos')
    with pytest.raises(ConfigError, match='train_dataloader.dataset.ann_file .*--data-root.*--ann-file'):
        finish_config(Config(dict()), arguments(**lists))
    finish_config(Config(dict()), arguments(**lists, ann_file='other.txt'))


def test_what_the_runner_itself_refuses_is_the_users_to_mend(monkeypatch):
    def refuse(config):
        raise ValueError('val_dataloader, val_cfg, and val_evaluator should be either all None or not None')

    monkeypatch.setattr(launch.Runner, 'from_cfg', staticmethod(refuse))
    with pytest.raises(ConfigError, match='either all None'):
        launch.build_runner({})
