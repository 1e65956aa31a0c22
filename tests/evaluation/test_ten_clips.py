"""The test with ten clips: an average of ten tests with one, by either rule."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement

from videossl.datasets import VideoDataset
from videossl.registry import MODELS, TRANSFORMS

CLIPS, FRAMES, SIDE = 10, 8, 32


@pytest.fixture
def recognizer():
    """A function that builds mmaction2's recogniser on a tiny net of random weights."""

    def build(average_clips):
        torch.manual_seed(0)
        model = MODELS.build(
            dict(
                type='Recognizer3D',
                data_preprocessor=dict(type='ClipDataPreprocessor'),
                backbone=dict(type='R3D', depth=10, base_channels=4),
                cls_head=dict(
                    type='I3DHead',
                    in_channels=32,
                    num_classes=5,
                    spatial_type='avg',
                    dropout_ratio=0.5,
                    init_std=1.0,
                    average_clips=average_clips,
                ),
            )
        )
        model.cls_head.init_weights()
        with torch.no_grad():  # batch norm statistics of such clips, so that the net tells them apart
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm3d):
                    module.momentum = 1.0
            model.train().backbone(model.data_preprocessor(dict(inputs=[clips_of_many_kinds()]))['inputs'][0])
        return model.eval()

    return build


def clips_of_many_kinds():
    """uint8 [V, 3, T, H, W]: each clip has its own contrast, colour and patches."""
    generator = np.random.default_rng(1)
    patches = generator.random((CLIPS, 3, FRAMES, 4, 4)).repeat(8, axis=-1).repeat(8, axis=-2)
    colour, contrast = generator.random((2, CLIPS, 3, 1, 1, 1))
    return torch.from_numpy((255 * (contrast * patches + (1 - contrast) * colour)).astype(np.uint8))


def scores(model, clips):
    """The recogniser's score of each class for clips [V, 3, T, H, W] of one video."""
    from mmaction.structures import ActionDataSample

    with torch.no_grad():
        (sample,) = model.test_step(dict(inputs=[clips], data_samples=[ActionDataSample().set_gt_label(0)]))
    assert isinstance(sample, BaseDataElement)
    return sample.pred_score


def logits(model, clips):
    """Each clip's logits, from backbone and head, without the recogniser's test."""
    with torch.no_grad():
        inputs = model.data_preprocessor(dict(inputs=[clips]))['inputs'][0]
        return torch.stack([model.cls_head(model.backbone(clip[None]))[0] for clip in inputs])


@pytest.mark.parametrize('average_clips', ['prob', 'score'])
def test_ten_clips_are_an_average_of_ten_single_clip_runs(recognizer, average_clips):
    clips = clips_of_many_kinds()
    model = recognizer(average_clips)
    together = scores(model, clips)
    alone = torch.stack([scores(model, clip[None]) for clip in clips])
    by_clip = logits(model, clips)
    by_clip = by_clip.softmax(dim=1) if average_clips == 'prob' else by_clip
    assert alone.std(dim=0).max() > 0.01, 'clips that are all alike would prove nothing'
    torch.testing.assert_close(alone, by_clip)
    torch.testing.assert_close(together, alone.mean(dim=0))


def test_the_two_rules_differ(recognizer):
    clips = clips_of_many_kinds()
    prob, score = (scores(recognizer(rule), clips) for rule in ('prob', 'score'))
    assert float(prob.sum()) == pytest.approx(1)
    assert (score.softmax(dim=0) - prob).abs().max() > 1e-3


def test_ten_clips_of_a_real_video_are_those_that_ten_samples_of_one_clip_read(recognizer, videos):
    frames = dict(type='SampleFrames', clip_len=FRAMES, frame_interval=1, num_clips=CLIPS, test_mode=True)
    behind = [
        dict(type='DecodeClips'),
        dict(type='Resize', scale=(40, 36), keep_ratio=False),
        dict(type='CenterCrop', crop_size=SIDE),
        dict(type='PackClips'),
    ]
    dataset = VideoDataset(
        ann_file='test.txt', data_root=str(videos), pipeline=[dict(type='DecordInit'), frames, *behind], test_mode=True
    )
    together = dataset[0]['inputs']
    assert not dataset.unreadable.any(), 'black frames would prove nothing'

    starts = np.array(TRANSFORMS.build(frames)(dict(total_frames=40, start_index=0))['frame_inds']).reshape(
        CLIPS, FRAMES
    )
    assert len(set(starts[:, 0])) == CLIPS and starts.max() < 40

    class OneClip:
        def __init__(self, inds):
            self.inds = inds

        def __call__(self, results):
            return dict(results, frame_inds=self.inds, clip_len=FRAMES, frame_interval=1, num_clips=1)

    singles = [
        VideoDataset(
            ann_file='test.txt',
            data_root=str(videos),
            test_mode=True,
            pipeline=[dict(type='DecordInit'), OneClip(inds), *behind],
        )[0]['inputs']
        for inds in starts
    ]
    for average_clips in ('prob', 'score'):
        model = recognizer(average_clips)
        alone = torch.stack([scores(model, single) for single in singles])
        torch.testing.assert_close(scores(model, together), alone.mean(dim=0))
