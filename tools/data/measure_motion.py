"""Measure the motion of a data set, once: ``python tools/data/measure_motion.py --data-root VIDEOS --out FILE``; ``--help``
lists the arguments."""

from videossl.apis.preparation.measure_motion import command

if __name__ == '__main__':
    command()
