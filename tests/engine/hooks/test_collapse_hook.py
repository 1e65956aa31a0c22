"""A collapse is told after many iterations, not after one; the log has the rank."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from videossl.engine import CollapseHook
from videossl.models import MemoryBank, MomentumPretrainer, ProjectionNeck, SimilarityDistillHead


def warnings_of(hook: CollapseHook, spreads: list[float | None]) -> list[str]:
    warnings: list[str] = []
    runner = SimpleNamespace(logger=SimpleNamespace(warning=warnings.append), model=nn.Module(), iter=0)
    for number, spread in enumerate(spreads):
        runner.iter = number
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
    assert len([line for line in found if 'have collapsed' in line]) == 1


def test_batches_of_one_video_are_no_collapse_and_do_not_end_a_count(small_backbone, build_runner, monkeypatch):
    model = MomentumPretrainer(
        small_backbone(),
        heads=dict(distill=SimilarityDistillHead()),
        necks=dict(projection=ProjectionNeck(4, 5)),
        memory_bank=MemoryBank(7, 5),
    )
    hooks = [dict(type='MomentumTeacherHook'), dict(type='MemoryBankHook'), dict(type='CollapseHook', patience=1)]
    runner = build_runner(model, hooks=hooks, batch_size=1)
    found = []
    monkeypatch.setattr(runner.logger, 'warning', found.append)
    runner.train()
    assert runner.iter == 8 and [line for line in found if 'have collapsed' in line] == []
    assert len(warnings_of(CollapseHook(patience=3), [0.0, 0.0, None, 0.0])) == 1


def test_the_log_shows_the_effective_rank_of_a_batch_at_every_interval():
    hook, logged = CollapseHook(rank_interval=2), []
    model = nn.Module()
    runner = SimpleNamespace(
        model=model, message_hub=SimpleNamespace(update_scalar=lambda name, value: logged.append((name, value)))
    )
    two_directions = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    for runner.iter, model.student_embeddings in enumerate([torch.eye(3), torch.eye(3), torch.eye(3), two_directions]):
        hook.after_train_iter(runner, runner.iter, outputs=dict(std_student=torch.tensor(1.0)))
    assert logged == [('train/rank_student', pytest.approx(3)), ('train/rank_student', pytest.approx(2))]
    runner.iter, model.student_embeddings = 5, torch.full((2, 3), float('nan'))
    hook.after_train_iter(runner, runner.iter, outputs=dict(std_student=torch.tensor(1.0)))
    assert len(logged) == 2, 'not of NaN'


def test_a_training_run_has_the_rank_of_the_predicted_embeddings(build_aux_skd, build_runner):
    model = build_aux_skd()
    hooks = [dict(type='MomentumTeacherHook'), dict(type='MemoryBankHook'), dict(type='CollapseHook', rank_interval=1)]
    runner = build_runner(model, hooks=hooks, batch_size=2)
    runner.train()
    embeddings = model.student_embeddings
    assert embeddings.shape[0] == 2 and not embeddings.requires_grad
    # Two unit vectors at a cosine c have singular values sqrt(1 + c) and sqrt(1 - c).
    cosine = float(embeddings[0] @ embeddings[1])
    values = torch.tensor([1 + cosine, 1 - cosine]).sqrt()
    shares = values / values.sum()
    by_hand = float((-(shares * shares.log()).sum()).exp())
    assert runner.message_hub.get_scalar('train/rank_student').current() == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize(
    ('arguments', 'word'),
    [
        (dict(threshold=0), 'threshold'),
        (dict(threshold=1.5), 'threshold'),
        (dict(patience=0), 'patience'),
        (dict(patience=2.5), 'patience'),
        (dict(rank_interval=0), 'rank_interval'),
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
