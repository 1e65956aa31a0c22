"""Packaging. The wheel carries ``configs/`` and ``tools/`` as ``videossl/.mim/``, where OpenMMLab's tools look for them."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


def requirements(name: str) -> list[str]:
    """The lines of ``requirements/<name>.txt`` without comments."""
    lines = (re.sub(r'(^|\s)#.*', '', line).strip() for line in (ROOT / 'requirements' / f'{name}.txt').open())
    return [line for line in lines if line]


def version() -> str:
    return re.search(r"__version__ = '(.+)'", (ROOT / 'videossl' / 'version.py').read_text()).group(1)


class BuildWithConfigs(build_py):
    """Copies ``configs/`` and ``tools/`` into what is built. An editable installation copies nothing, so that a checkout
    goes on using its own files (:func:`videossl.compat.config_directory`)."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder in ('configs', 'tools'):
            target = Path(self.build_lib, 'videossl', '.mim', folder)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(ROOT / folder, target, ignore=shutil.ignore_patterns('__pycache__', '.*'))


readme = ROOT / 'README.md'
extras = {name: requirements(name) for name in ('optional', 'tests', 'docs')}

setup(
    name='videossl',
    version=version(),
    description='Self-supervised pretraining of video encoders, as a plugin of mmaction2 and mmengine',
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
    long_description_content_type='text/markdown',
    license='MIT',
    python_requires='>=3.10',
    packages=find_packages(include=['videossl', 'videossl.*']),
    install_requires=requirements('mminstall') + requirements('runtime'),
    extras_require=dict(extras, all=sum(extras.values(), [])),
    entry_points=dict(
        console_scripts=[
            'videossl-train = videossl.apis.running.train:command',
            'videossl-test = videossl.apis.running.test:command',
            'videossl-recipe = videossl.apis.recipes.command:main',
            'videossl-features = videossl.features.extraction:main',
            'videossl-compact = videossl.apis.preparation.compact:main',
            'videossl-doctor = videossl.apis.doctor.command:command',
        ]
    ),
    cmdclass=dict(build_py=BuildWithConfigs),
    zip_safe=False,
)
