# Split 1, as the paper. mmaction2's preparation calls the list of test videos "val".
data_root = 'data/ucf101'
data_prefix = dict(video='videos')
ann_file_train = 'ucf101_train_split_1_videos.txt'
ann_file_test = 'ucf101_val_split_1_videos.txt'
