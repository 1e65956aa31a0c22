# Split 1, as the paper. mmaction2's preparation calls the list of test videos "val".
data_root = 'data/hmdb51'
data_prefix = dict(video='videos')
ann_file_train = 'hmdb51_train_split_1_videos.txt'
ann_file_test = 'hmdb51_val_split_1_videos.txt'
