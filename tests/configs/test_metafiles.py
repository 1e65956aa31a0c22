"""The metafiles say what the configs, the recipes and the measurements say."""

import functools
import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest
import yaml
from config_reading import RECIPES, ROOT, read, read_recipe

REPOSITORY = Path(__file__).resolve().parents[2]
WITHOUT_MODELS = {'_base_', 'evaluation', 'recipes', 'studies'}
FOLDERS = sorted({path.name for path in Path(ROOT).iterdir() if path.is_dir()} - WITHOUT_MODELS)


def load():
    spec = importlib.util.spec_from_file_location('make_metafiles', REPOSITORY / 'tools' / 'make_metafiles.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


@functools.cache
def made() -> dict[str, dict]:
    """The content of each file."""
    tool = load()
    tool.read = lambda path: read(str(path.relative_to(ROOT)))  # what other tests have read already
    return {path.as_posix(): yaml.safe_load(text) for path, text in tool.make_metafiles().items()}


def models(folder: str) -> list[dict]:
    return made()[f'configs/{folder}/metafile.yml']['Models']


def results(kind: str) -> list[tuple[dict, dict]]:
    return [
        (model, result)
        for folder in FOLDERS
        for model in models(folder)
        for result in model.get('Results', [])
        if result.get(kind)
    ]


def test_none_is_committed_and_no_entry_is_empty():
    assert not list(ROOT.glob('*/metafile.yml')) and not (REPOSITORY / 'model-index.yml').exists()
    assert len(made()) == len(FOLDERS) + 1
    entries = [model for folder in FOLDERS for model in models(folder)]
    assert all(value for model in entries for value in model.values())
    assert 0 < sum('Results' in model for model in entries) < len(entries)


@pytest.mark.parametrize('folder', FOLDERS)
def test_every_config_of_a_folder_is_listed_once_and_exists(folder):
    listed = [model['Config'] for model in models(folder)]
    assert listed == [f'configs/{folder}/{path.name}' for path in sorted((ROOT / folder).glob('*.py'))]
    assert all((REPOSITORY / path).is_file() for path in listed)
    assert [model['Name'] for model in models(folder)] == [Path(path).stem for path in listed]
    (collection,) = made()[f'configs/{folder}/metafile.yml']['Collections']
    assert {model['In Collection'] for model in models(folder)} == {collection['Name']}
    assert (REPOSITORY / collection['README']).is_file()


def test_the_index_imports_every_metafile():
    index = made()['model-index.yml']['Import']
    assert index == [f'configs/{folder}/metafile.yml' for folder in FOLDERS]


def test_every_pretraining_leads_to_configs_that_exist():
    known = {model['Name'] for folder in FOLDERS for model in models(folder)}
    for folder in set(FOLDERS) - {'downstream', 'laptop'}:
        for model in models(folder):
            assert model['Downstream'], model['Name']
            assert set(model['Downstream']) <= known, model['Name']


def test_cited_figures_are_those_of_the_recipes():
    expected = Counter()
    for name, net in RECIPES:
        recipe = read_recipe(name, net)
        for row in recipe.get('table', {}).get('rows', []):
            if row.get('cited'):
                chain = tuple(Path(recipe.stages[stage].config).stem for stage in row.stages)
                expected[(f'configs/recipes/{name}', chain, row.cited)] += 1
    found = Counter()
    for model, result in results('Cited'):
        assert 'Measured' not in result
        assert result['Stages'][-2] == model['Name']
        assert result['Dataset'].lower() in result['Stages'][-1]
        figures = [f'{figure:.1f}' for figure in result['Metrics'].values()]
        found[(result['Recipe'], tuple(result['Stages']), '/'.join(figures))] += 1
    assert found == expected and len(found) > 40


def test_figures_of_the_auxskd_paper_stand_where_they_belong():
    """Table 1, row 29, and Table 2, rows 7 and 8: R3D, Kinetics-100."""
    (model,) = (model for model in models('vspp') if model['Name'] == 'vspp_r3d-10_16x1x1-20e_k100-rgb')
    found = {
        (result['Dataset'], len(result['Stages'])): result['Metrics']['Top 1 Accuracy']
        for result in model['Results']
        if 'aux-skd-vspp' in result['Recipe']
    }
    assert found == {('UCF101', 2): 60.8, ('HMDB51', 2): 26.3, ('UCF101', 3): 62.9, ('HMDB51', 3): 33.0}
    assert model['Metadata'] == {
        'Architecture': 'r3d-10',
        'Batch Size': 30,
        'Epochs': 20,
        'Training Data': 'Kinetics-100',
    }


def test_where_sources_differ_both_figures_stand():
    (model,) = (model for model in models('vcp') if model['Name'] == 'vcp_r3d-10_16x1x1-300e_ucf101-rgb')
    found = [(result['Metrics']['Top 1 Accuracy'], result.get('Cited Elsewhere')) for result in model['Results']]
    assert sorted(found) == [(31.5, None), (66.0, 68.1)]


def test_another_sources_figure_stands_beside_that_of_the_source():
    (model,) = (model for model in models('prp') if model['Name'] == 'prp_r2plus1d-10_16x1x1-300e_ucf101-rgb')
    found = [(result['Metrics']['Top 1 Accuracy'], result.get('Cited Elsewhere')) for result in model['Results']]
    assert sorted(found, key=str) == [(35.0, None), (72.1, 72.4)]


def test_where_sources_disagree_a_note_stands_beside_the_cited_figure():
    """Table 1, row 1: a mean of three splits in a table of split 1."""
    notes = {
        result['Dataset']: (result['Metrics']['Top 1 Accuracy'], result['Note'])
        for model in models('shuffle_and_learn')
        for result in model.get('Results', [])
    }
    assert notes['UCF101'][0] == 50.2 and '50.9' in notes['UCF101'][1]
    assert notes['HMDB51'][0] == 18.1 and '19.8' in notes['HMDB51'][1]


def fine_tuned(name: str) -> list[float]:
    """The mean top-1 of each fine-tuning with all labels and three seeds or more in the committed results of a study."""
    study = json.loads((REPOSITORY / 'docs' / 'data' / f'study_{name}.json').read_text(encoding='utf-8'))
    tested = [
        cell['mean']
        for cell in study['cells']
        if (cell['column'], cell['labels']) == ('finetune', 'all') and len(cell['values']) >= 3
    ]
    return tested if study['split'] == 'test' and len(study['points']) == 1 else []


def test_measured_figures_are_those_of_the_studies():
    found = Counter(
        (Path(result['Study']).stem, result['Metrics']['Top 1 Accuracy']) for _, result in results('Measured')
    )
    names = [path.stem.removeprefix('study_') for path in (REPOSITORY / 'docs' / 'data').glob('study_*.json')]
    assert found == Counter((name, round(100 * mean, 1)) for name in names for mean in fine_tuned(name))


def test_a_study_belongs_to_the_chain_of_stages_that_its_row_tests(tmp_path):
    for name in ('configs/recipes', 'docs/data'):
        (tmp_path / name).mkdir(parents=True)
    for name in ('_base_', 'laptop', 'studies', 'recipes/demo.py', 'recipes/laptop.py'):
        (tmp_path / 'configs' / name).symlink_to(ROOT / name)
    cells = [
        dict(row=row, column=column, labels=labels, mean=mean, high=mean + 0.04, number=number)
        for row, column, labels, mean, number in (
            ('aux_vspp', 'finetune', 'all', 0.625, 3), ('aux_vspp', 'probe', 'all', 0.5, 3),
            ('vspp', 'finetune', '5', 0.25, 3), ('vspp', 'finetune', 'all', 0.75, 2),
        )
    ]  # fmt: skip
    for name, split in (('demo', 'test'), ('weizmann', 'select')):
        study = dict(name=name, split=split, points=[{}], cells=cells, commands=['a', 'b'])
        (tmp_path / 'docs' / 'data' / f'study_{name}.json').write_text(json.dumps(study))
    tool = load()
    tool.ROOT = tmp_path
    assert [entry[:2] for entry in tool.read_measured()['demo']] == [('finetune_after_aux', 62.5)]
    _, found = tool.read_chains()
    ((pretraining, measured),) = [
        (name, entry) for name, entries in found.items() for entry in entries if entry.get('Measured')
    ]
    assert pretraining == 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb' and len(measured['Stages']) == 3
    assert measured['Metrics'] == {'Top 1 Accuracy': 62.5} and measured['Dataset'] == 'MovingShapes'
    assert (measured['Study'], measured['Recipe']) == ('configs/studies/demo.py', 'configs/recipes/demo.py')
    assert (measured['Seeds'], measured['Command']) == (3, 'b') and measured['Note'].startswith('± 4.0,')
