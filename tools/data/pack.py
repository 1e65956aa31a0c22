"""Put a data set's videos into a few large archives that training reads in place: ``python tools/data/pack.py --data-root VIDEOS
--out FOLDER``; ``--help`` lists the arguments."""

from videossl.apis.preparation.pack import command

if __name__ == '__main__':
    command()
