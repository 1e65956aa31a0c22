data_root = 'data/kinetics400'
data_prefix = dict(video='videos_train')
ann_file_train = 'kinetics400_train_list_videos.txt'
