# Where the videos of each data set are, below data_root: a config takes one with dataset=_base_.kinetics100. Split 1 of
# UCF101 and HMDB51, as the papers. mmaction2's preparation calls the list of test videos "val".
kinetics100 = dict(
    data_root='data/kinetics100', data_prefix=dict(video='videos_train'), ann_file='kinetics100_train_list_videos.txt'
)
kinetics400 = dict(
    data_root='data/kinetics400', data_prefix=dict(video='videos_train'), ann_file='kinetics400_train_list_videos.txt'
)
__ucf101 = dict(data_root='data/ucf101', data_prefix=dict(video='videos'))
ucf101 = dict(
    train=dict(**__ucf101, ann_file='ucf101_train_split_1_videos.txt'),
    test=dict(**__ucf101, ann_file='ucf101_val_split_1_videos.txt'),
)
__hmdb51 = dict(data_root='data/hmdb51', data_prefix=dict(video='videos'))
hmdb51 = dict(
    train=dict(**__hmdb51, ann_file='hmdb51_train_split_1_videos.txt'),
    test=dict(**__hmdb51, ann_file='hmdb51_val_split_1_videos.txt'),
)
