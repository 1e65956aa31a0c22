"""Find the videos that cannot be read before a run does: ``python tools/data/check_videos.py --data-root FOLDER``; ``--help``
lists the arguments."""

from videossl.apis.preparation.check_videos import command

if __name__ == '__main__':
    command()
