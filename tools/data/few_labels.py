"""Nested lists with few labels: ``python tools/data/few_labels.py LIST --per-class 1 2 5 10 --seed 0``; ``--help`` lists the
arguments."""

from videossl.apis.studies.few_labels import command

if __name__ == '__main__':
    command()
