"""Write ``configs/*/metafile.yml`` and ``model-index.yml`` below a folder: ``python tools/make_metafiles.py FOLDER``.

The build of the wheel runs it. The models come from the configs; the configs that start from a pretraining from the recipes,
or, if no recipe has it, by net and method; the papers' figures (``Cited: true``) from the recipes; our figures
(``Measured: true``) from docs/data/study_*.json, which ``tools/make_results.py`` writes.
"""

import argparse
import functools
import inspect
import json
from pathlib import Path

import yaml
from mmengine.config import Config

import videossl.models
from videossl.apis.recipes.command import parse_args
from videossl.apis.recipes.reader import read_recipe
from videossl.checkpoints.import_backbone import backbone_name

ROOT = Path(__file__).resolve().parents[1]
AUX_SKD = (
    'Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation',
    'https://arxiv.org/abs/2112.04011',
)
# Folder: collection, title and address of the paper, page of ours.
COLLECTIONS = dict(
    aux_skd=('auxSKD', *AUX_SKD, 'docs/aux_skd.md'),
    vspp=('VSPP', *AUX_SKD, 'docs/aux_skd.md'),
    video_pace=(
        'VideoPace',
        'Self-supervised Video Representation Learning by Pace Prediction',
        'https://arxiv.org/abs/2008.05861',
        'docs/video_pace.md',
    ),
    vcop=(
        'VCOP',
        'Self-supervised Spatiotemporal Learning via Video Clip Order Prediction',
        'https://openaccess.thecvf.com/content_CVPR_2019/html/Xu_Self-Supervised_Spatiotemporal_Learning_via_Video_Clip_'
        'Order_Prediction_CVPR_2019_paper.html',
        'docs/vcop.md',
    ),
    rspnet=(
        'RSPNet',
        'RSPNet: Relative Speed Perception for Unsupervised Video Representation Learning',
        'https://arxiv.org/abs/2011.07949',
        'docs/rspnet.md',
    ),
    vcp=(
        'VCP',
        'Video Cloze Procedure for Self-Supervised Spatio-Temporal Learning',
        'https://arxiv.org/abs/2001.00294',
        'docs/vcp.md',
    ),
    rtt=(
        'RTT',
        'Video Representation Learning by Recognizing Temporal Transformations',
        'https://arxiv.org/abs/2007.10730',
        'docs/rtt.md',
    ),
    speednet=(
        'SpeedNet',
        'SpeedNet: Learning the Speediness in Videos',
        'https://arxiv.org/abs/2004.06130',
        'docs/speednet.md',
    ),
    psp=(
        'PSP',
        'Self-Supervised Visual Learning by Variable Playback Speeds Prediction of a Video',
        'https://arxiv.org/abs/2003.02692',
        'docs/psp.md',
    ),
    prp=(
        'PRP',
        'Video Playback Rate Perception for Self-supervised Spatio-Temporal Representation Learning',
        'https://openaccess.thecvf.com/content_CVPR_2020/html/Yao_Video_Playback_Rate_Perception_for_Self-Supervised_'
        'Spatio-Temporal_Representation_Learning_CVPR_2020_paper.html',
        'docs/prp.md',
    ),
    shuffle_and_learn=(
        'Shuffle & Learn',
        'Shuffle and Learn: Unsupervised Learning using Temporal Order Verification',
        'https://arxiv.org/abs/1603.08561',
        'docs/shuffle_and_learn.md',
    ),
    opn=(
        'OPN',
        'Unsupervised Representation Learning by Sorting Sequences',
        'https://arxiv.org/abs/1708.01246',
        'docs/opn.md',
    ),
    transrank=(
        'TransRank',
        'TransRank: Self-supervised Video Representation Learning via Ranking-based Transformation Recognition',
        'https://arxiv.org/abs/2205.02028',
        'docs/transrank.md',
    ),
    clip_consistency=(
        'Clip consistency',
        'ASCNet: Self-supervised Video Representation Learning with Appearance-Speed Consistency',
        'https://arxiv.org/abs/2106.02342',
        'docs/clip_consistency.md',
    ),
    video_moco=(
        'VideoMoCo',
        'VideoMoCo: Contrastive Video Representation Learning with Temporally Adversarial Examples',
        'https://arxiv.org/abs/2103.05905',
        'docs/video_moco.md',
    ),
    cep=(
        'CEP',
        'Back to the Future: Cycle Encoding Prediction for Self-supervised Contrastive Video Representation Learning',
        'https://arxiv.org/abs/2010.07217',
        'docs/cep.md',
    ),
    ascnet=(
        'ASCNet',
        'ASCNet: Self-supervised Video Representation Learning with Appearance-Speed Consistency',
        'https://arxiv.org/abs/2106.02342',
        'docs/ascnet.md',
    ),
    mas=(
        'MAS and STS',
        'Self-Supervised Spatio-Temporal Representation Learning for Videos by Predicting Motion and Appearance Statistics',
        'https://arxiv.org/abs/1904.03597',
        'docs/mas.md',
    ),
    masked_autoencoder=(
        'Masked autoencoder',
        'VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video Pre-Training',
        'https://arxiv.org/abs/2203.12602',
        'docs/masked_autoencoder.md',
    ),
    human_prior=(
        'Human prior',
        'Human-Centered Prior-Guided and Task-Dependent Multi-Task Representation Learning for '
        'Action Recognition Pre-Training',
        'https://arxiv.org/abs/2204.12729',
        'docs/human_prior.md',
    ),
    laptop=('Small nets', *AUX_SKD, 'docs/recipes.md'),
    downstream=('Fine-tuning', *AUX_SKD, 'docs/aux_skd.md'),
)
# Part of the names of a method's own fine-tunings. A net without any uses those of the auxSKD paper.
FINE_TUNING = dict(
    aux_skd='-25e_',
    vspp='-25e_',
    video_pace='-25e_',
    vcop='_vcop_',
    rspnet='_rspnet_',
    vcp='_vcop_',
    rtt='_rtt_',
    speednet='_speednet_',
    psp='_psp_',
    prp='_prp_',
    shuffle_and_learn='_shuffle-and-learn_',
    opn='_opn_',
    transrank='-25e_',
    clip_consistency='_rspnet_',
    video_moco='-25e_',
    cep='_cep_',
    ascnet='_rspnet_',
    mas='_mas_',
    masked_autoencoder='_masked-autoencoder_',
    human_prior='-100e_',
)
DATA = {
    'ucf101': 'UCF101',
    'hmdb51': 'HMDB51',
    'k100': 'Kinetics-100',
    'k400': 'Kinetics-400',
    'videos': 'any videos',
    'moving-shapes': 'MovingShapes',
}
# The data of studies.
STUDIES = dict(
    demo='MovingShapes',
    moving_shapes='MovingShapes',
    weizmann='Weizmann',
    weizmann_motion='Weizmann',
    lsa64='LSA64',
    lsa64_motion='LSA64',
    lsa64_motion_from_weizmann='LSA64',
    ut_interaction='UT-Interaction',
)


def read_chains() -> tuple[dict[str, list[str]], dict[str, list[dict]]]:
    """From all recipes: the configs that start from each config, and the results of each config.

    A result belongs to the last pretraining of its chain, or, without one, to the test's config.
    """
    successors: dict[str, list[str]] = {}
    results: dict[str, list[dict]] = {}
    measured = read_measured()
    recipes = sorted((ROOT / 'configs' / 'recipes').glob('*.py'))
    for path, net in [(path, net) for path in recipes for net in Config.fromfile(path).get('nets', [None])]:
        stages, recipe, _ = read_recipe(parse_args([str(path), *([f'--net={net}'] if net else [])]))
        configs = {stage.name: Path(stage.config).stem for stage in stages}
        for stage in stages:
            if stage.init_from is not None:
                following = successors.setdefault(configs[stage.init_from.name], [])
                if configs[stage.name] not in following:
                    following.append(configs[stage.name])
        entries = [
            (row.stages, data_of(configs[row.stages[-1]]), row.cited.split('/'), cited_kind(row))
            for row in recipe.get('table', {}).get('rows', [])
            if row.get('cited')
        ]
        by_name = {stage.name: stage for stage in stages}
        for last, figure, kind in measured.get(path.stem, []):
            chain = [by_name[last]]
            while (source := chain[0].init_from) is not None:
                chain.insert(0, source)
            study = Path(kind['Study']).stem
            entries.append(([stage.name for stage in chain], STUDIES.get(study, study), [f'{figure:.1f}'], kind))
        for names, data, figures, kind in entries:
            used = [configs[name] for name in names]
            results.setdefault(used[-2] if len(used) > 1 else used[-1], []).append(
                dict(
                    Task='Action Recognition',
                    Dataset=data,
                    Metrics={f'Top {k} Accuracy': float(figure) for k, figure in zip((1, 5), figures)},
                    **kind,
                    Stages=used,
                    Recipe=f'configs/recipes/{path.name}',
                )
            )
    return successors, results


def cited_kind(row: dict) -> dict:
    """What an entry says of a figure that a recipe's row cites."""
    kind: dict = dict(Cited=True)
    if row.get('cited_elsewhere'):
        kind['Cited Elsewhere'] = float(row['cited_elsewhere'])
    if row.get('note'):
        kind['Note'] = row['note']
    return kind


def read_measured() -> dict[str, list[tuple[str, float, dict]]]:
    """The fine-tunings that studies have measured with three seeds or more, by the name of their recipe: the stage that is
    tested, the mean top-1 in per cent, and how it was measured. Results of several settings, and on held-out training
    videos, are none of a config."""
    measured: dict[str, list[tuple[str, float, dict]]] = {}
    for path in sorted((ROOT / 'docs' / 'data').glob('study_*.json')):
        results = json.loads(path.read_text(encoding='utf-8'))
        if results['split'] != 'test' or len(results['points']) > 1:
            continue
        config = ROOT / 'configs' / 'studies' / f'{results["name"]}.py'
        study = Config.fromfile(config)
        for cell in results['cells']:
            if (cell['column'], cell['labels']) == ('finetune', 'all') and cell['number'] >= 3:
                kind = dict(
                    Measured=True,
                    Study=f'configs/studies/{results["name"]}.py',
                    Seeds=cell['number'],
                    Note=f'± {100 * (cell["high"] - cell["mean"]):.1f}, half of the 95 % t-interval over the seeds; net, '
                    'frames, length and data of all stages are those of the command, not of the configs alone',
                    Command=results['commands'][-1],
                )
                entry = study.rows[cell['row']].finetune, 100 * cell['mean'], kind
                measured.setdefault(Path(study.recipe).stem, []).append(entry)
    return measured


def data_of(config: str) -> str:
    """The data set in a config's name.

    Example:
        >>> data_of('vspp_r3d-10_16x1x1-20e_k100-rgb')
        'Kinetics-100'
    """
    return DATA[config.rsplit('_', 1)[1].removesuffix('-rgb')]


@functools.lru_cache(None)
def read(path: Path) -> Config:
    """A config with its bases merged."""
    return Config.fromfile(str(path))


def net_of(config: Config) -> dict:
    """The architecture in a config's backbone, with its default depth and whatever batch norms."""
    left_out = ('output', 'init_cfg', 'temporal_groups', 'drop_path')
    net = {key: value for key, value in config.model.backbone.items() if key not in left_out}
    inner = net.setdefault('backbone', {}) if net['type'] == 'BranchedBackbone' else net
    depth = inspect.signature(getattr(videossl.models, inner['type']).__init__).parameters.get('depth')
    if depth is not None:
        inner.setdefault('depth', depth.default)
    return net


def describe(path: Path, collection: str, successors: dict[str, list[str]], results: dict[str, list[dict]]) -> dict:
    """One config's entry."""
    config = read(path)
    net = net_of(config)
    architecture = f'{backbone_name(net["backbone"])} with branches' if 'backbone' in net else backbone_name(net)
    metadata = {'Architecture': architecture}
    if config.get('train_dataloader') is not None:  # configs that only extract features have none
        metadata.update(
            {
                'Batch Size': config.train_dataloader.batch_size,
                'Epochs': config.train_cfg.max_epochs,
                'Training Data': data_of(path.stem),
            }
        )
    entry = {
        'Name': path.stem,
        'Config': f'configs/{path.parent.name}/{path.name}',
        'In Collection': collection,
        'Metadata': metadata,
        'Modality': 'RGB',
    }
    following = successors.get(path.stem) or downstream_of(net, path.parent.name)
    if following:
        entry['Downstream'] = sorted(following)
    if path.stem in results:
        entry['Results'] = results[path.stem]
    return entry


def downstream_of(net: dict, folder: str) -> list[str]:
    """The fine-tunings of the same net and method, for a pretraining without a recipe."""
    if folder not in FINE_TUNING:
        return []
    for part in (FINE_TUNING[folder], FINE_TUNING['vspp']):
        found = [
            path.stem
            for path in sorted((ROOT / 'configs' / 'downstream').glob(f'*{part}*.py'))
            if 'held-out' not in path.stem and net_of(read(path)) == net
        ]
        if found:
            return found
    return []


def make_metafiles() -> dict[Path, str]:
    """The relative paths of the files, and their texts."""
    successors, results = read_chains()
    files = {}
    for folder, (name, title, address, page) in COLLECTIONS.items():
        content = dict(
            Collections=[dict(Name=name, README=page, Paper=dict(URL=address, Title=title))],
            Models=[
                describe(path, name, successors, results) for path in sorted((ROOT / 'configs' / folder).glob('*.py'))
            ],
        )
        files[Path('configs', folder, 'metafile.yml')] = as_text(content)
    files[Path('model-index.yml')] = as_text(dict(Import=sorted(path.as_posix() for path in files)))
    return files


class Indented(yaml.SafeDumper):
    """Lists indented as mmaction2's metafiles have them, and no references between equal parts."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data) -> bool:
        return True


def as_text(content: dict) -> str:
    return yaml.dump(content, Dumper=Indented, sort_keys=False, allow_unicode=True, width=120)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description='Write the metafiles of all configs, and their index.')
    parser.add_argument('out', type=Path, help='folder to write to')
    out = parser.parse_args(argv).out
    for path, text in make_metafiles().items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
