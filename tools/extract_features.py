"""Write features of videos to a file: ``python tools/extract_features.py CONFIG CHECKPOINT --data-root FOLDER --out FILE``;
``--help`` lists the arguments."""

from videossl.apis.features import command

if __name__ == '__main__':
    command()
