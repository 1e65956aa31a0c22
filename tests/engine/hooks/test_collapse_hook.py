"""A collapse is told after many iterations, not after one."""

from types import SimpleNamespace

import pytest
import torch

from videossl.engine import CollapseHook


def warnings_of(hook: CollapseHook, spreads: list[float | None]) -> list[str]:
    warnings: list[str] = []
    runner = SimpleNamespace(logger=SimpleNamespace(warning=warnings.append))
    for number, spread in enumerate(spreads):
        outputs = dict(loss=torch.tensor(1.0))
        if spread is not None:
            outputs['std_student'] = torch.tensor(spread)
        hook.after_train_iter(runner, number, outputs=outputs)
    return warnings


def test_so_many_iterations_in_a_row_give_one_warning_and_as_many_again_another():
    hook = CollapseHook(threshold=0.1, patience=3)
    assert warnings_of(hook, [0.05, 0.05, 0.2, 0.05, 0.05]) == []
    found = warnings_of(hook, [0.0, 0.0, 0.0, 0.0])
    assert ['for 3 iterations' in found[0], 'for 6 iterations' in found[1], len(found)] == [True, True, 2]
    for word in ('std_student has been below 0.1', 'optim_wrapper.optimizer.lr', 'MomentumTeacherHook'):
        assert word in found[0]


def test_models_without_such_a_figure_and_one_that_is_no_number_are_left_alone():
    assert warnings_of(CollapseHook(patience=1), [None, None, float('nan')]) == []


def test_a_student_whose_embeddings_are_all_the_same_is_found_in_training(build_aux_skd, build_runner, monkeypatch):
    model = build_aux_skd()
    with torch.no_grad():
        model.backbone.conv.weight.zero_()
    model.backbone.conv.requires_grad_(False)
    hooks = [dict(type='MomentumTeacherHook'), dict(type='MemoryBankHook'), dict(type='CollapseHook', patience=4)]
    runner = build_runner(model, hooks=hooks, batch_size=2)
    found = []
    monkeypatch.setattr(runner.logger, 'warning', found.append)
    runner.train()
    assert len(found) == 1 and 'have collapsed' in found[0]


@pytest.mark.parametrize(
    ('arguments', 'word'),
    [
        (dict(threshold=0), 'threshold'),
        (dict(threshold=1.5), 'threshold'),
        (dict(patience=0), 'patience'),
        (dict(patience=2.5), 'patience'),
    ],
)
def test_settings_that_mean_nothing_are_refused(arguments, word):
    with pytest.raises(ValueError, match=f'CollapseHook: {word} must'):
        CollapseHook(**arguments)


def test_a_resumed_run_counts_on_and_a_new_one_from_nought(build_aux_skd, build_runner, monkeypatch, tmp_path):

    def train(epochs: int, **arguments) -> list[str]:
        model = build_aux_skd()
        with torch.no_grad():
            model.backbone.conv.weight.zero_()
        model.backbone.conv.requires_grad_(False)
        hooks = [dict(type='MomentumTeacherHook'), dict(type='MemoryBankHook'), dict(type='CollapseHook', patience=4)]
        runner = build_runner(
            model,
            hooks=hooks,
            epochs=epochs,
            samples=6,
            checkpoint=dict(type='PlainCheckpointHook', interval=1),
            **arguments,
        )
        found = []
        monkeypatch.setattr(runner.logger, 'warning', found.append)
        runner.train()
        return [line for line in found if 'have collapsed' in line]

    saved = dict(load_from=str(tmp_path / 'run' / 'epoch_1.pth'))
    assert train(epochs=1) == [], 'two iterations'
    assert len(train(epochs=2, work_dir='resumed', resume=True, **saved)) == 1
    assert train(epochs=1, work_dir='new', **saved) == []
