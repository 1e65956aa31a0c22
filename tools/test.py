"""Test: ``python tools/test.py CONFIG CHECKPOINT [--data-root FOLDER] ...``; ``--help`` lists the arguments."""

from videossl.apis.running.test import command

if __name__ == '__main__':
    command()
