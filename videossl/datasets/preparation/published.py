"""Published numbers of videos of the data sets."""

# Soomro, Zamir and Shah, "UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild" (2012): 13,320 videos.
# The numbers of its splits are those of the official split files.
UCF101 = dict(
    ucf101_train_split_1_videos=9537,
    ucf101_val_split_1_videos=3783,
    ucf101_train_split_2_videos=9586,
    ucf101_val_split_2_videos=3734,
    ucf101_train_split_3_videos=9624,
    ucf101_val_split_3_videos=3696,
)
UCF101_TOTAL = 13320
UCF101_CLASSES = 101

# Kuehne et al., "HMDB: A Large Video Database for Human Motion Recognition" (2011): 70 training and 30 test videos of
# each of 51 classes in each split. The paper counts 6,849 videos; what is handed out, and the split files, have 6,766.
HMDB51 = {
    f'hmdb51_{part}_split_{split}_videos': number
    for split in (1, 2, 3)
    for part, number in (('train', 51 * 70), ('val', 51 * 30))
}
HMDB51_TOTAL = 6766
HMDB51_CLASSES = 51

# Kinetics shrinks as videos leave YouTube, so that copies differ. These are the numbers of the copy that mmaction2's
# checkpoints were trained on (its tools/data/kinetics/README.md).
KINETICS400 = dict(kinetics400_train_list_videos=240436, kinetics400_val_list_videos=19796)
KINETICS400_CLASSES = 400

# The training list of Dadashzadeh, Whone and Mirmehdi, "Auxiliary Learning for Self-Supervised Video Representation via
# Similarity-based Knowledge Distillation" (2021), for the classes named in kinetics100.py.
KINETICS100 = dict(kinetics100_train_list_videos=32552)

# Goyal et al., "The 'something something' video database for learning and evaluating visual common sense" (2017): 108,499
# videos; the data set's page gives 220,847 for version 2: 168,913 / 24,777 / 27,157.
SOMETHING_V1_TOTAL = 108499
SOMETHING_V2 = dict(sthv2_train_list_videos=168913, sthv2_val_list_videos=24777, sthv2_test_list_videos=27157)
SOMETHING_V2_TOTAL = 220847
SOMETHING_CLASSES = 174
