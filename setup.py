"""Packaging. The wheel has ``configs/``, ``tools/`` and the metafiles in ``videossl/.mim/``, where OpenMMLab's tools look."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
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
    """Copies ``configs/`` and ``tools/`` into the build, and makes the metafiles there. An editable installation copies
    nothing: a checkout uses its own files (:func:`videossl.compat.config_directory`)."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, 'videossl', '.mim').absolute()
        shutil.rmtree(target, ignore_errors=True)
        for folder in ('configs', 'tools'):
            shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns('__pycache__', '.*'))
        # The metafiles are derived from the configs, which only videossl itself can read.
        missing = [name for name in ('torch', 'mmengine', 'mmcv', 'mmaction') if find_spec(name) is None]
        if missing:
            print(f'no metafiles: {", ".join(missing)} not installed; build with --no-build-isolation to have them')
            return
        environment = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE='1')
        subprocess.run([sys.executable, ROOT / 'tools' / 'make_metafiles.py', target], check=True, env=environment)


# Where the project lives, which the workflows of a forge tell; a checkout does not know it.
home = '/'.join(filter(None, (os.environ.get(f'GITHUB_{name}') for name in ('SERVER_URL', 'REPOSITORY'))))
urls = dict(Source=home, Changes=f'{home}/blob/main/CHANGELOG.md', Issues=f'{home}/issues') if home else {}
readme = ROOT / 'README.md'
extras = {name: requirements(name) for name in ('optional', 'tests', 'lint', 'docs')}
# What tools/report.py needs, by itself.
extras['report'] = [line for line in extras['optional'] if line.startswith(('bokeh', 'jinja2'))]

setup(
    name='videossl',
    version=version(),
    description='Self-supervised pretraining of video encoders, as a plugin of mmaction2 and mmengine',
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
    long_description_content_type='text/markdown',
    author='The videossl authors',
    url=home,
    project_urls=urls,
    license='MIT',
    license_files=['LICENSE'],
    keywords='self-supervised learning, video, representation learning, action recognition, mmaction2, pytorch',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'Operating System :: MacOS',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3 :: Only',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in (10, 11, 12, 13)),
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
    python_requires='>=3.10',
    packages=find_packages(include=['videossl', 'videossl.*']),
    package_data={'videossl': ['py.typed', 'visualization/page.html.jinja', 'apis/starting_points/*/*.txt']},
    install_requires=requirements('mminstall') + requirements('runtime'),
    extras_require=dict(extras, all=sum(extras.values(), [])),
    entry_points=dict(
        console_scripts=[
            'videossl = videossl.apis.front_door:main',
            'videossl-train = videossl.apis.running.train:command',
            'videossl-test = videossl.apis.running.test:command',
            'videossl-recipe = videossl.apis.recipes.command:command',
            'videossl-features = videossl.apis.features:command',
            'videossl-compact = videossl.apis.preparation.compact:command',
            'videossl-report = videossl.apis.report.command:command',
            'videossl-doctor = videossl.apis.doctor.command:command',
        ]
    ),
    cmdclass=dict(build_py=BuildWithConfigs),
    zip_safe=False,
)
