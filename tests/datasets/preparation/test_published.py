"""Published numbers of videos."""

from videossl.datasets.preparation import published


def test_published_counts_of_the_splits_agree_with_the_published_totals():
    for split in (1, 2, 3):
        assert sum(published.UCF101[f'ucf101_{part}_split_{split}_videos'] for part in ('train', 'val')) == 13320
        assert [published.HMDB51[f'hmdb51_{part}_split_{split}_videos'] for part in ('train', 'val')] == [3570, 1530]
    assert published.UCF101['ucf101_train_split_1_videos'] == 9537
    assert sum(published.SOMETHING_V2.values()) == published.SOMETHING_V2_TOTAL == 220847
