"""The test of a pretext task."""

import pytest
import torch

from videossl.engine import PretextTestLoop
from videossl.errors import ConfigError


def test_a_pretext_task_is_tested_in_eval_mode_on_every_sample_alike_and_changes_nothing(build_runner, build_vspp):
    model = build_vspp()
    runner = build_runner(
        model,
        hooks=[],
        test_dataloader=dict(
            batch_size=3,
            num_workers=0,
            drop_last=False,
            sampler=dict(type='DrawSampler', shuffle=False, seed=3),
            dataset=build_runner(build_vspp(), hooks=[]).train_dataloader.dataset,
        ),
        test_cfg=dict(type='PretextTestLoop'),
        test_evaluator=[],
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    metrics = runner.test()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    dataset = runner.test_loop.dataloader.dataset
    draws = list(runner.test_loop.dataloader.sampler)
    samples = [dataset[draw] for draw in draws]
    assert [int(draw) for draw in draws] == list(range(8))
    model.eval()
    losses, accuracies = [], []
    with torch.no_grad():
        for sample in samples:
            clips = model.data_preprocessor(dict(inputs=[sample['inputs']], data_samples=[]))['inputs']
            logits = model.heads['speed'].classifier(model.backbone(clips[0]).mean(dim=(2, 3, 4)))
            speeds = sample['data_samples'].gt_speed
            losses.append(-logits.log_softmax(1)[range(2), speeds].mean())
            accuracies.append((logits.argmax(1) == speeds).float().mean())
    assert metrics['pretext/loss_speed'] == pytest.approx(float(torch.stack(losses).mean()), rel=1e-5)
    assert metrics['pretext/acc_speed'] == pytest.approx(float(torch.stack(accuracies).mean()))


@pytest.mark.parametrize('sampler', [dict(type='InfiniteSampler'), dict(type='DrawSampler', endless=True)])
def test_a_test_that_would_not_end_is_refused(build_runner, build_vspp, sampler):
    runner = build_runner(
        build_vspp(),
        hooks=[],
        test_dataloader=dict(batch_size=3, num_workers=0, sampler=sampler, dataset=range(8)),
        test_cfg=dict(type='PretextTestLoop'),
        test_evaluator=[],
    )
    with pytest.raises(ConfigError, match='Sampler never ends'):
        runner.test()


def test_a_contrastive_task_is_tested_against_the_bank_as_it_is(build_runner, build_aux_skd):
    model = build_aux_skd()
    samples = build_runner(build_aux_skd(), hooks=[]).train_dataloader.dataset
    runner = build_runner(
        model,
        hooks=[],
        test_dataloader=dict(
            batch_size=4, num_workers=0, sampler=dict(type='DrawSampler', shuffle=False, seed=3), dataset=samples
        ),
        test_cfg=dict(type='PretextTestLoop'),
        test_evaluator=[],
    )
    rows = model.memory_bank.rows.clone()
    metrics = runner.test()
    assert torch.equal(model.memory_bank.rows, rows) and model.pending_keys == []
    assert set(metrics) == {'pretext/loss_distill', 'pretext/acc_nearest_anchor'}
    assert isinstance(runner.test_loop, PretextTestLoop)
