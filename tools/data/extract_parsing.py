"""Store human parsing of a data set: ``python tools/data/extract_parsing.py --data-root VIDEOS --out FOLDER --teacher SCHP
--checkpoint FILE``; ``--help`` lists the arguments."""

from videossl.apis.preparation.extract_parsing import command

if __name__ == '__main__':
    command()
