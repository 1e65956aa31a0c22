"""Make lists of videos from a data set: ``python tools/data/prepare.py ucf101 ...``; ``--help`` lists the data sets, ``DATASET
--help`` the arguments."""

from videossl.apis.preparation.prepare import command

if __name__ == '__main__':
    command()
