"""Begin a pretext task or a backbone of your own: ``python tools/new.py task NAME``; ``--help`` lists the arguments."""

from videossl.apis.starting_points.command import command

if __name__ == '__main__':
    command()
