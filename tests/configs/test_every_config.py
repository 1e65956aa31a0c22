"""Every config: it loads, builds and runs, all without a network, and says it in few lines; every recipe is a chain of such
configs."""

import re
import shutil
import socket
import urllib.request
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import mmengine.config.config
import pytest
import torch
from config_reading import CONFIGS, RECIPES, ROOT, flat, read
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

from videossl.apis.gpu_check.methods import METHODS, Method, Place, Training
from videossl.apis.recipes.command import parse_args
from videossl.apis.recipes.reader import read_recipe
from videossl.apis.running import test as testing
from videossl.apis.running import train as training
from videossl.engine import LossGuardHook
from videossl.engine.hooks import loss_guard_hook
from videossl.engine.late_values import LateValue
from videossl.registry import HOOKS, METRICS, MODELS
from videossl.wrappers import innermost_dataset

BASE_CHANNELS = 4  # of 64
FRAME_NETS = ('CaffeNet', 'VGGM')  # have fully connected layers
SMALL_SCHP = dict(checkpoint=None, allow_random=True, layers=(1, 1, 1, 1), width=1 / 16, input_size=33)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever asks the network is refused, and the test fails, also where the refusal is caught."""
    asked = []

    def refuse(*arguments, **settings):
        asked.append(arguments)
        raise OSError('the network was asked')

    for owner, name in (
        (socket, 'getaddrinfo'),
        (socket, 'create_connection'),
        (socket.socket, 'connect'),
        (socket.socket, 'connect_ex'),
        (socket.socket, 'sendto'),
    ):
        monkeypatch.setattr(owner, name, refuse)
    yield asked
    assert not asked, f'the network was asked: {asked}'


def test_the_network_is_out_of_reach(no_network):
    with pytest.raises(OSError, match='the network was asked'):
        urllib.request.urlopen('https://localhost/', timeout=1)
    assert no_network
    no_network.clear()


def small(name: str, videos: Path) -> dict:
    """Options that shrink a config to a net of a sixteenth of the width, clips of 32 x 32 (64 x 64 for nets with fully
    connected layers) and batches of 2, with a small random parsing teacher or the videos' own maps, leaving everything else
    as it is."""
    branched = read(name).model.backbone.type == 'BranchedBackbone'
    options = {f'model.backbone.{"backbone." if branched else ""}base_channels': BASE_CHANNELS}
    widths = (192, 384, 512, 768, 1024, 2048, 4096)  # what the nets put out, and CEP's embeddings
    side, scale = 32, (40, 36)
    if read(name).model.backbone.type in FRAME_NETS:
        side, scale = 64, (80, 72)
        options['model.backbone.fc_size'] = 1
    elif 'finetune' in name and 'masked-autoencoder' in name:
        scale = (40, 32)  # three crops fill the shorter side

    def shrink(place, path: str) -> None:
        if isinstance(place, (list, tuple)):
            for number, entry in enumerate(place):
                shrink(entry, f'{path}.{number}')
        if not isinstance(place, dict):
            return
        kind = place.get('type')
        if path.startswith('model.') and place.get('in_channels') in widths:
            for key in ('in_channels', 'hidden_channels', 'out_channels'):
                if place.get(key) in widths:
                    options[f'{path}.{key}'] = place[key] * BASE_CHANNELS // 64
        if place.get('random_size') is not None:
            options[f'{path}.random_size'] = (32, 40)
        if kind == 'MemoryBank':
            options[f'{path}.size'] = 64
            if place.dim in widths:
                options[f'{path}.dim'] = place.dim * BASE_CHANNELS // 64
        elif kind == 'SCHP':
            options.update({f'{path}.{key}': entry for key, entry in SMALL_SCHP.items()})
        elif kind == 'LoadParsingMap':
            options[f'{path}.folder'] = str(videos / 'parsing')
        elif kind == 'Resize':
            is_square = place.scale[0] == place.scale[1]  # without a crop behind it
            options[f'{path}.scale'] = (side, side) if is_square else scale
        elif kind in ('RandomCrop', 'MotionCrop', 'CenterCrop', 'ThreeCrop', 'TenCrop'):
            options[f'{path}.{"crop_size" if kind in ("CenterCrop", "ThreeCrop", "TenCrop") else "size"}'] = side
        if place.get('hold_out') is not None:
            options[f'{path}.hold_out.number'] = 1  # of the three videos
        for key, entry in place.items():
            shrink(entry, f'{path}.{key}')

    for key in ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader'):
        shrink(read(name).get(key), key)
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if read(name).get(loader) is not None:
            options.update({f'{loader}.num_workers': 0, f'{loader}.batch_size': 2})
    return options


def through_tool(tool, name: str, videos: Path, *positional: str) -> Config:
    """The config as tools/train.py or tools/test.py would run it, on the small videos."""
    args = tool.parse_args([str(ROOT / name), *positional, '--data-root', str(videos), '--ann-file', 'videos.txt'])
    args.cfg_options = small(name, videos)
    return (training.config_for_training if tool is training else testing.config_for_testing)(args)


def first_batch(loader: dict) -> dict:
    return next(iter(Runner.build_dataloader(deepcopy(loader), seed=0)))


@pytest.mark.parametrize('name', CONFIGS)
def test_every_config_builds_and_trains_one_step_on_real_videos(name, videos):
    config = through_tool(training, name, videos)
    model = MODELS.build(config.model)
    model.init_weights()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    # Amid a run of one batch an epoch, when all that begins later has begun.
    loop = SimpleNamespace(iter=10**6, max_iters=2 * 10**6, dataloader=[None])
    logger = SimpleNamespace(info=lambda text: None)
    runner = SimpleNamespace(model=model, optim_wrapper=wrapper, iter=0, train_loop=loop, logger=logger)
    wrapper.initialize_count_status(model, 0, 10)
    hooks = [HOOKS.build(hook) for hook in config.get('custom_hooks', [])]
    runner.hooks = hooks
    for hook in config.default_hooks.values():
        HOOKS.build(hook)
    missing = set(getattr(model, 'required_hooks', ())) - {type(hook).__name__ for hook in hooks}
    assert not missing
    for hook in hooks:
        hook.before_train(runner)

    batch = first_batch(config.train_dataloader)
    model.train()
    for hook in hooks:
        hook.before_train_iter(runner, 0)
    losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
    total, log = model.parse_losses(losses)
    wrapper.backward(total)
    assert all(torch.as_tensor(value).isfinite().all() for value in log.values())
    untouched = [
        key for key, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]
    assert untouched == [], 'parameters that no loss reaches'
    wrapper.step()
    for hook in hooks:
        hook.after_train_iter(runner, 0)


class OnMeta(Training):
    """A run whose model and optimiser move to the device "meta" when it begins. Tensors there have no values: whoever reads
    one, needs one for a size, or mixes them with tensors on the CPU, gets an error."""

    def _begun(self):
        runner = self.runner
        runner.model.to('meta')
        runner.optim_wrapper = runner.build_optim_wrapper(runner.cfg.optim_wrapper)
        runner.train_loop._epoch = runner.train_loop._max_epochs - 1  # when all that begins later has begun
        self.count = 100  # not the end of an epoch, for which the log reads its values
        return super()._begun()


# Those of laptops, which have every method, and the methods that check_gpu.py takes from elsewhere.
METHODS_CONFIGS = sorted(
    {name for name in CONFIGS if name.startswith('laptop/')} | {method.config for method in METHODS}
)


@pytest.mark.parametrize('name', METHODS_CONFIGS)
def test_every_iteration_stays_on_its_device_and_reads_nothing_back(name, videos, tmp_path, monkeypatch):
    """Of every method, with all hooks: what an accelerator's host would wait for."""
    if read(name).get('train_dataloader') is None:
        pytest.skip('does not train')
    shutil.copy(videos / 'videos.txt', videos / 'train.txt')
    options = {**small(name, videos), 'default_hooks.precision.precision': 'fp32'}
    monkeypatch.setattr(torch, 'autocast', lambda **_: nullcontext())  # which does not know the device
    monkeypatch.setattr(mmengine.config.config, 'FormatCode', lambda text, **_: (text, True))  # for the log, and slow
    run = OnMeta(Method(name, name, options), Place(str(videos), str(tmp_path), 'cpu', batch=2))
    reads = []

    class Flag(LateValue):
        def __init__(self, value):
            super().__init__(value)
            self.made_in = run.runner.iter

        def read(self):
            if self.value.device.type == 'cpu':
                return super().read()
            reads.append((self.made_in, run.runner.iter))
            return 0.0

    monkeypatch.setattr(loss_guard_hook, 'LateValue', Flag)
    batch = run.batches(1)[0]
    for head in getattr(run.model, 'heads', {}).values():
        head.mask_was_checked = True  # the first mask is read, once a run
    run.begin()
    run.iterate([batch] * 2)
    assert all(value.device.type == 'meta' for outputs in run.losses.outputs for value in outputs.values())
    assert [key for key, value in run.model.state_dict().items() if value.device.type != 'meta'] == []
    if 'Adam' in read(name).optim_wrapper.optimizer.type:  # counts its steps on the host, unless it is fused
        assert reads == [(0, 0), (1, 1)]
    else:
        # The first step is waited for. The flag of the second is read after the third has been queued.
        assert reads == [(0, 0)]
        (guard,) = (hook for hook in run.runner.hooks if isinstance(hook, LossGuardHook))
        guard._settle(run.runner)
        assert reads == [(0, 0), (1, 2)]


@pytest.mark.parametrize('name', [name for name in CONFIGS if read(name).get('test_dataloader') is not None])
def test_every_config_with_a_test_gives_class_scores_from_all_clips(name, videos, tmp_path):
    """Of nets of still images: from ten crops of 25 frames, except on laptops."""
    (tmp_path / 'checkpoint.pth').touch()
    config = through_tool(testing, name, videos, str(tmp_path / 'checkpoint.pth'))
    model = MODELS.build(config.model).eval()
    batch = first_batch(config.test_dataloader)
    num_clips, channels, *_, height, width = batch['inputs'][0].shape
    side = 64 if 'caffenet' in name or 'vggm' in name else 32
    assert num_clips == (250 if '1x1x1' in name else 32 if '_rtt_' in name else 15 if '_masked-' in name else 10)
    assert (channels, height, width) == (3, side, side)
    with torch.no_grad():
        predictions = model.test_step(batch)
    metric = METRICS.build(config.test_evaluator)
    metric.dataset_meta = None
    metric.process(batch, [prediction.to_dict() for prediction in predictions])
    assert set(metric.evaluate(2)) >= {'acc/top1', 'acc/top5'}
    for prediction in predictions:
        assert prediction.pred_score.shape == (config.model.cls_head.num_classes,)
        if config.model.cls_head.average_clips == 'prob':  # 'score': the mean of logits
            assert float(prediction.pred_score.sum()) == pytest.approx(1, abs=1e-4)


def test_nothing_is_selected_on_the_test_split():
    for name in CONFIGS:
        config = read(name)
        if config.get('test_dataloader') is None or config.get('val_dataloader') is None:
            continue
        test, validation, training_set = (
            innermost_dataset(config[f'{loader}_dataloader'].dataset) for loader in ('test', 'val', 'train')
        )
        assert validation.ann_file == training_set.ann_file != test.ann_file, name
        assert validation.hold_out == {**training_set.hold_out, 'use': 'held_out'}, name


def test_no_config_changes_a_pipeline_by_position():
    for path in ROOT.rglob('*.py'):
        assert not re.search(r'pipeline\[\d', path.read_text()), path


def test_a_leaf_config_states_only_what_differs():
    texts = {name: (ROOT / name).read_text() for name in CONFIGS}
    limits = {name: 35 if '_base_/models/' in text else 15 for name, text in texts.items()}
    assert [name for name, text in texts.items() if len(text.splitlines()) >= limits[name]] == []


def fits(source: dict, net: dict) -> bool:
    """Whether a backbone takes another's weights: it is the same net, whatever it puts out, or has branches of it. Fully
    connected layers may differ: those of another shape begin anew. So may what is skipped in training, and first weights."""
    source, net = (
        {
            key: value
            for key, value in flat(dict(part)).items()
            if key not in ('output', 'drop_path') and not key.startswith(('fc_', 'init_cfg'))
        }
        for part in (source, net)
    )
    inner = {key.removeprefix('backbone.'): value for key, value in net.items() if key.startswith('backbone.')}
    return source in (net, inner)


@pytest.mark.parametrize('name, net', RECIPES)
def test_every_recipe_names_configs_that_exist_and_follow_one_another(name, net):
    arguments = [str(ROOT / 'recipes' / name), *([f'--net={net}'] if net else [])]
    stages, recipe, work_dir = read_recipe(parse_args(arguments))
    assert net is None or work_dir.name == f'{Path(name).stem}_{net}'
    by_name = {stage.name: stage for stage in stages}
    for stage in stages:
        path = Path(stage.config).resolve()
        assert path.is_file(), f'{stage.name}: {stage.config}'
        config = read(str(path.relative_to(ROOT.resolve())))
        options = flat(
            {
                key.removeprefix('model.backbone.'): value
                for key, value in stage.options.items()
                if key.startswith('model.backbone.')
            }
        )
        stage.net = {**config.model.backbone, **options}
        stage.is_tested = config.get('test_dataloader') is not None
    for stage in stages:
        assert stage.init_from is None or fits(stage.init_from.net, stage.net), f'{stage.name} starts from another net'
    for row in recipe.table.rows:
        assert '{' not in row.name
        chain = [by_name[stage] for stage in row.stages]
        assert chain[-1].is_tested, f'{row.name} ends without a test'
        assert [stage.init_from for stage in chain] == [None, *chain[:-1]], f'{row.name}: stages that are no chain'
    assert {stage for row in recipe.table.rows for stage in row.stages} == set(by_name), 'stages that no row shows'
