"""Write one HTML file about a run, a recipe or a study: ``python tools/report.py WORK_DIR``; ``--help`` lists the arguments."""

from videossl.apis.report.command import command

if __name__ == '__main__':
    command()
