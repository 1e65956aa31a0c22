"""mmaction2's SampleFrames, which fine-tuning and testing use: what they rely on."""

import numpy as np
from mmaction.datasets.transforms import SampleFrames

CLIP_LEN = 16


def test_ten_test_clips_start_evenly_from_the_first_to_the_last_place():
    sampler = SampleFrames(clip_len=CLIP_LEN, frame_interval=1, num_clips=10, test_mode=True)
    for total_frames in range(1, 200):
        clips = sampler(dict(total_frames=total_frames, start_index=0))['frame_inds'].reshape(10, CLIP_LEN)
        last_start = max(total_frames - CLIP_LEN, 0)
        for clip_number, clip in enumerate(clips):
            start = clip[0]
            assert abs(start - last_start * clip_number / 9) <= 0.5
            assert clip.tolist() == [(start + i) % total_frames for i in range(CLIP_LEN)]
        assert clips[0, 0] == 0 and clips[-1, 0] == last_start


def test_one_training_clip_reaches_every_place_and_goes_round_in_short_videos():
    np.random.seed(0)
    sampler = SampleFrames(clip_len=CLIP_LEN, frame_interval=1, num_clips=1)
    for total_frames in range(1, 41):
        num_places = max(total_frames - CLIP_LEN + 1, 1)
        starts = set()
        for _ in range(200 if num_places > 1 else 3):
            frames = sampler(dict(total_frames=total_frames, start_index=0))['frame_inds'].tolist()
            assert frames == [(frames[0] + i) % total_frames for i in range(CLIP_LEN)]
            starts.add(frames[0])
        assert starts == set(range(num_places))
