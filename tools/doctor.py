"""What this machine and a config make of each other: ``python tools/doctor.py [CONFIG] [--data-root FOLDER] ...``;
``--help`` lists the arguments."""

import importlib.metadata

try:
    from videossl.apis.doctor.command import command
except ImportError as error:  # then at least what is installed, for whoever is asked about it
    for name in (
        'torch',
        'mmengine',
        'mmcv',
        'mmcv-lite',
        'mmaction2',
        'decord',
        'decord2',
        'numpy',
        'opencv-python',
        'av',
    ):
        try:
            print(f'{name:15} {importlib.metadata.version(name)}')
        except importlib.metadata.PackageNotFoundError:
            print(f'{name:15} not installed')
    raise SystemExit(f'videossl cannot be imported: {error}') from None

if __name__ == '__main__':
    command()
