"""Train: ``python tools/train.py CONFIG [--data-root FOLDER] ...``; ``--help`` lists the arguments."""

from videossl.apis.running.train import command

if __name__ == '__main__':
    command()
