"""Run a study: ``python tools/run_study.py STUDY [--data-root FOLDER] [--seeds 0 1 2] [--jobs N] ...``; ``--help`` lists the
arguments."""

from videossl.apis.studies.study import command

if __name__ == '__main__':
    command()
