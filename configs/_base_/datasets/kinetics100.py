data_root = 'data/kinetics100'
data_prefix = dict(video='videos_train')
ann_file_train = 'kinetics100_train_list_videos.txt'
