"""The released code's walk through a clip of 16 frames, written out frame by frame; it shares no code with the samplers."""

CLIP_LEN = 16
FRAMES_PER_SEGMENT = {1: [16], 2: [8, 8], 3: [6, 5, 5], 4: [4, 4, 4, 4]}
# The released code's altered positions, both ends included, of a clip of 16 frames (position 16 does not exist).
RELEASED_SEGMENTS = {
    1: [(0, 16)],
    2: [(0, 8), (8, 16)],
    3: [(0, 5), (5, 10), (10, 16)],
    4: [(0, 4), (4, 8), (8, 12), (12, 16)],
}


def altered_positions(num_segments, segment, inclusive_end):
    """The positions of the altered segment."""
    if inclusive_end:
        first, last = RELEASED_SEGMENTS[num_segments][segment]
        return range(first, last + 1)
    lengths = FRAMES_PER_SEGMENT[num_segments]
    return range(sum(lengths[:segment]), sum(lengths[: segment + 1]))


def walk(start, num_segments, segment, speed, inclusive_end, total_frames=10**9, lookahead=1):
    """Frame after frame as the released code goes, with its restarts; frames count from 1 in here.

    Whether the walk restarts behind a frame depends on the stride of that frame's own position. Where the next position's
    stride would leave the video all the same (the released code then does leave it), ours restarts too.
    """
    strides = [speed if i in altered_positions(num_segments, segment, inclusive_end) else 1 for i in range(CLIP_LEN)]
    frame = start + 1
    if not inclusive_end:  # Equation 4 reaches even the first frame with its stride
        frame += strides[0] - 1
    if frame > total_frames:
        frame = 1
    frames = [frame]
    for position in range(CLIP_LEN - 1):
        own, following = strides[position], strides[position + 1]
        overruns = frame + lookahead * own > total_frames or frame + following > total_frames
        frame = 1 if overruns else frame + following
        frames.append(frame)
    return [number - 1 for number in frames]
