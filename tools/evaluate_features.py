"""Retrieval, kNN and linear probe of a checkpoint: ``python tools/evaluate_features.py CHECKPOINT --data-root FOLDER
--train-list LIST --test-list LIST``; ``--help`` lists the arguments."""

from videossl.apis.evaluate_features import command

if __name__ == '__main__':
    command()
