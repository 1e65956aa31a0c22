import html
import json
import re
import shutil
import sys
from html.parser import HTMLParser

import pytest

pytest.importorskip('bokeh', reason='the report page needs bokeh: pip install "bokeh>=3.9"')

from videossl.apis.report import write_html_report  # noqa: E402
from videossl.apis.report.command import main  # noqa: E402
from videossl.datasets.moving_shapes import write_moving_shapes  # noqa: E402
from videossl.errors import ConfigError  # noqa: E402
from videossl.features.clip_features import ClipFeatures  # noqa: E402

NASTY = '<script>alert("x")</script> & <b>VSPP</b>'


class Page(HTMLParser):
    """Text, addresses, headings and pictures of a page."""

    def __init__(self, path):
        super().__init__()
        self.texts, self.addresses, self.headings, self.pictures, self.tags = [], [], [], [], []
        self.open = []
        self.feed(path.read_text())
        self.text = ' '.join(' '.join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        self.open += [tag] if tag not in ('meta', 'link', 'img', 'br') else []
        self.addresses += [values[name] for name in ('src', 'href', 'data', 'action', 'srcset') if name in values]
        self.pictures += [values] if tag == 'img' else []

    def handle_endtag(self, tag):
        self.open = self.open[: len(self.open) - 1 - self.open[::-1].index(tag)]

    def handle_data(self, data):
        if not {'script', 'style'} & set(self.open):
            self.texts.append(data)
            self.headings += [data] if self.open and self.open[-1] in ('h1', 'h2') else []


def sections_of(page):
    """The text of each section, by its heading."""
    found = re.split('(?=<section id=)', page)[1:]
    return {
        re.search(r'<h2[^>]*>(.*?)</h2>', part)[1]: html.unescape(' '.join(re.sub('<[^>]+>', ' ', part).split()))
        for part in found
    }


def test_every_number_of_a_study_is_on_its_page(study_page):
    assert study_page.name == 'report.html'
    text = sections_of(study_page.read_text())['Accuracies']
    results = json.loads((study_page.parent / 'results.json').read_text())
    numbers = [results['test_videos']]
    for cell in results['cells']:
        numbers += [cell['mean'], cell['low'], cell['high'], cell['standard_error'], *cell['values'].values()]
    for number in numbers:
        assert (str(number) if isinstance(number, int) else f'{100 * number:.1f}') in text.split(), number
    assert '+11.2 ± 10.0 *' in text and 'Yes, it pays' in text
    assert 'Unfinished: 5 of 6 steps are done.' in text and 'a warning of <the> study' in text
    assert 'logistic regression, C = 1' in text


def test_names_are_escaped_everywhere(study_page):
    page = study_page.read_text()
    assert '<script>alert' not in page and '<b>VSPP' not in page
    texts = sections_of(page)
    assert NASTY in texts['Accuracies'] and f'videos/{NASTY}.mp4' in texts['Broken videos']


def test_the_sections_show_what_is_in_the_folder(study_page):
    page = Page(study_page)
    texts = sections_of(study_page.read_text())
    assert page.headings[0] == 'Study hand made'
    assert 'python tools/run_study.py x.py' in texts['What ran']
    assert 'seed_0/vspp Pretrainer R3D 10 3 11 7 60 trained /no/such/folder/train.txt' in texts['What ran']
    assert 'seed_0/vspp aux/epoch_9.pth 72 87 4 1' in texts['Hand-offs']
    assert 'seed_0/vspp, dropped: teacher.backbone (87)' in texts['Hand-offs']
    assert 'no stream of pictures' in texts['Broken videos']
    # 60 steps of 1.5 seconds, 0.5 of them waiting, within 150 seconds.
    assert (
        'seed_0/vspp 2.5 1.0 0.5 1.0' in texts['Minutes'] and 'VSPP' in texts['Minutes'] and '7.3' in texts['Minutes']
    )
    environment = texts['Environment and repairs']
    assert '2.99.1' in environment and '2.13.0+cpu' in environment and 'stub_missing_drn' in environment
    assert 'GCC' not in environment.replace('gcc', '')


def test_curves_have_the_levels_of_guessing_and_of_a_perfect_head(study_page):
    page = study_page.read_text()
    # Four segments at five speeds: a fifth of the segments can only be guessed.
    assert 'dotted: guessing 0.25; dashed: at most 0.85' in page
    assert 'dotted: guessing 0.2"' in page  # of the study; it comes before that of the config
    assert 'acc_speed over the iterations; last values: seed_0/vspp 0.6' in page


def test_the_page_requests_nothing(study_page):
    page = Page(study_page)
    assert page.addresses and all(address.startswith(('data:', '#')) for address in page.addresses)
    assert 'iframe' not in page.tags and all(picture['alt'] for picture in page.pictures)
    text = study_page.read_text()
    style = ''.join(re.findall(r'<style>(.*?)</style>', text, re.DOTALL))
    assert 'url(' not in style and '@import' not in style
    assert len(text) < 9e6


def test_features_give_a_map_and_a_confusion_matrix_and_missing_videos_are_counted(study_page):
    texts = sections_of(study_page.read_text())
    assert (
        't-SNE of 7 videos of test.txt' in texts['Embedding map']
        and '7 thumbnails are missing' in texts['Embedding map']
    )
    assert '7 of 8 right' in study_page.read_text()  # one could not be read; the classes are far apart
    left_out = texts['What is not here']
    assert 'Nearest neighbours: the videos of the features were not found' in left_out
    assert 'Class activation: a checkpoint is needed' in left_out


def test_pictures_that_take_too_long_are_left_out_with_a_sentence(study):
    texts = sections_of(write_html_report(study, seconds=0).read_text())
    assert 'Embedding map' not in texts
    assert 'Embedding map: 0 seconds were not enough; allow more with --seconds' in texts['What is not here']


@pytest.mark.parametrize('seconds', [0, 90])
def test_only_computed_pictures_run_the_program_that_a_config_is(tmp_path, make_run, seconds):
    run = make_run(tmp_path / 'run')
    (run / 'epoch_11.pth').write_bytes(b'')
    with open(run / '20261126_200211' / 'vis_data' / 'config.py', 'a') as file:
        file.write(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    write_html_report(run, seconds=seconds)
    assert (tmp_path / 'ran').exists() == (seconds > 0)


def test_without_features_the_page_says_how_to_make_them(tmp_path, make_run):
    run = make_run(tmp_path / 'run')
    (run / 'epoch_11.pth').write_bytes(b'')
    left_out = sections_of(write_html_report(run).read_text())['What is not here']
    command = f'videossl features {run}/20261126_200211/vis_data/config.py {run}/epoch_11.pth'
    train = f'"{command} --data-root /no/such/folder --ann-file train.txt --out {run}/features_train.npz"'
    assert f'Embedding map: features of videos are needed. Make them with {train}.' in left_out
    assert (
        f'Nearest neighbours: features of training and test videos are needed. Make them with {train}; the same with a list '
        f'of test videos and --out {run}/features_test.npz.'
    ) in left_out


def test_of_a_folder_without_lists_the_page_names_no_list(tmp_path, make_run):
    run = make_run(tmp_path / 'run')
    (run / 'epoch_11.pth').write_bytes(b'')
    config = run / '20261126_200211' / 'vis_data' / 'config.py'
    config.write_text(config.read_text().replace("ann_file='train.txt'", 'ann_file=None'))
    left_out = sections_of(write_html_report(run).read_text())['What is not here']
    command = f'videossl features {config} {run}/epoch_11.pth --data-root /no/such/folder --out {run}/features_test.npz'
    assert f'Embedding map: features of videos are needed. Make them with "{command}".' in left_out
    for title, videos in (('Nearest neighbours', 'videos'), ('Confusion matrix', 'videos with labels')):
        words = f'{title}: features of training and test {videos} are needed. The run had a folder and no lists'
        assert words in left_out
    assert '--ann-file' not in left_out


def test_lists_of_a_study_are_named_where_its_features_are_missing(study):
    run = study / 'seed_0' / 'vspp'
    (run / 'epoch_11.pth').write_bytes(b'')
    for path in run.glob('*.npz'):
        path.unlink()
    job = dict(data_root='/my videos', train='/lists/train.txt', test='/lists/test.txt')
    (run / 'features_job.json').write_text(json.dumps(job))
    left_out = sections_of(write_html_report(study).read_text())['What is not here']
    for split, end in (('test', '" and "'), ('train', '".')):
        assert (
            f"--data-root '/my videos' --ann-file /lists/{split}.txt --out '{run}/features_{split}.npz'{end}"
            in left_out
        )


PARTS = [
    'results.json',
    'seed_0/vspp/stage.json',
    'seed_0/vspp/features_test.npz',
    'seed_0/vspp/20261126_200211/vis_data/config.py',
    'seed_0/vspp/20261126_200211/vis_data/scalars.json',
    'seed_0/vspp/20261126_200211/20261126_200211.log',
]


@pytest.mark.parametrize('damaged', PARTS[:4])
def test_a_damaged_file_costs_its_part_only_and_is_named(study, damaged):
    (study / damaged).write_bytes(b'\xff\xfe {"cut')
    page = write_html_report(study, seconds=90 if damaged.endswith('npz') else 0)
    texts = sections_of(page.read_text())
    assert str(study / damaged) in texts['What could not be read']
    assert {'What ran', 'Hand-offs', 'Curves', 'Broken videos', 'Minutes'} <= set(texts)
    assert ('Accuracies' in texts) == (damaged != 'results.json')


def test_files_that_are_missing_or_cut_off_cost_their_part_only(study):
    for name in PARTS[:4]:
        (study / name).unlink()
    for name in PARTS[4:]:
        (study / name).write_bytes(b'\xff\xfe {"cut')
    texts = sections_of(write_html_report(study, seconds=0).read_text())
    assert {'What ran', 'Broken videos', 'Environment and repairs'} <= set(texts)
    assert not {'Accuracies', 'Hand-offs', 'Curves', 'Embedding map'} & set(texts)
    assert 'scalars.json' in texts['What could not be read'] and 'no stream of pictures' in texts['Broken videos']


def test_results_of_a_study_that_lack_a_part_show_the_others(study):
    results = json.loads((study / 'results.json').read_text())
    for key in ('answers', 'warnings', 'differences', 'versions'):
        results.pop(key)
    results['label_counts'] = None
    (study / 'results.json').write_text(json.dumps(results))
    texts = sections_of(write_html_report(study, seconds=0).read_text())
    assert 'results.json: its few labels' in texts['What could not be read']
    assert f'{100 * results["cells"][0]["mean"]:.1f} ± 2.7' in texts['Accuracies']


def test_a_recipe_shows_its_table_and_its_tests_with_standard_errors(tmp_path, make_run):
    work = tmp_path / 'work'
    (tmp_path / 'test.txt').write_text('a.mp4 0\n' * 25)
    run = make_run(work / 'finetune', tmp_path, metrics={'acc/top1': 0.2, 'acc/top5': 0.64})
    config = run / '20261126_200211' / 'vis_data' / 'config.py'
    config.write_text(
        "model = dict(type='Recognizer3D', cls_head=dict(num_classes=10))\ntrain_dataloader = dict(batch_size=2)\n"
        f"test_dataloader = dict(dataset=dict(type='VideoDataset', data_root={str(tmp_path)!r}, ann_file='test.txt'))\n"
    )
    (work / 'recipe.json').write_text(
        json.dumps(dict(recipe='r.py', table=dict(header=['', 'top-1'], rows=[['after', '20.0']])))
    )
    (work / 'commands.txt').write_text('python tools/run_recipe.py r.py --net "<a>"\n')
    page = Page(write_html_report(work))
    texts = sections_of((work / 'report.html').read_text())
    assert page.headings[0] == 'Recipe work'
    assert 'after 20.0' in texts['Accuracies']
    # sqrt(0.2 * 0.8 / 25) is 8 per cent, sqrt(0.64 * 0.36 / 25) is 9.6.
    assert 'finetune test top-1 all 20.0 8.0 25 10.0' in texts['Accuracies']
    assert 'finetune test top-5 all 64.0 9.6 25 50.0' in texts['Accuracies']
    assert 'run_recipe.py r.py --net "<a>"' in texts['What ran'] and 'tested' in texts['What ran']


def test_videos_give_neighbours_clip_sheets_and_thumbnails(tmp_path, make_run, make_features):
    videos = write_moving_shapes(tmp_path / 'ms', num_train=5, num_test=5, num_classes=2, num_frames=20, workers=1)
    run = make_run(tmp_path / 'run', videos)
    make_features(run, 5)
    for split in ('train', 'test'):
        for number, source in enumerate(sorted((videos / 'videos' / split).glob('*.mp4'))):
            (videos / split).mkdir(exist_ok=True)
            shutil.copy(source, videos / split / f'{number % 2}_{number}.mp4')
    texts = sections_of(write_html_report(run).read_text())
    assert 'The nearest is right for 4 of these 4.' in texts['Nearest neighbours']
    assert 'thumbnails are missing' not in texts['Embedding map'] and 'horizontal' in texts['Nearest neighbours']
    page = Page(run / 'report.html')
    assert len(page.pictures) > 4 * 4 and all(picture['src'].startswith('data:image/webp') for picture in page.pictures)


def test_features_without_labels_give_neighbours_without_right_and_wrong_and_no_confusion_matrix(
    tmp_path, make_run, make_features
):
    videos = write_moving_shapes(tmp_path / 'ms', num_train=5, num_test=5, num_classes=2, num_frames=20, workers=1)
    run = make_run(tmp_path / 'run', videos / 'videos')
    make_features(run, 5)
    for split in ('train', 'test'):
        path = run / f'features_{split}.npz'
        features = ClipFeatures.load(path)
        names = sorted(file.name for file in (videos / 'videos' / split).glob('*.mp4'))
        features.labels, features.paths = None, [f'{split}/{name}' for name in names]
        features.save(path)
    page = write_html_report(run)
    texts = sections_of(page.read_text())
    neighbours = texts['Nearest neighbours']
    assert names[0].removesuffix('.mp4') in neighbours
    assert not {'right', 'wrong', 'right,', 'wrong,'} & set(neighbours.split())
    assert 'class="wrong"' not in page.read_text() and 'class="right"' not in page.read_text()
    assert 'Confusion matrix: the videos of these features have no labels.' in texts['What is not here']
    assert 'This section could not be made' not in page.read_text()
    assert '"Map of 4 videos"' in page.read_text()


def test_features_of_very_few_videos_give_no_map(tmp_path, make_run, make_features):
    run = make_run(tmp_path / 'run')
    make_features(run, 4)  # of three, since one could not be read
    left_out = sections_of(write_html_report(run).read_text())['What is not here']
    assert 'Embedding map: a map needs features of at least 4 videos that can be read.' in left_out


def test_a_folder_without_a_run_and_a_missing_one_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='has no run, recipe or study'):
        write_html_report(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match='no folder'):
        write_html_report(tmp_path / 'nothing')


def test_a_study_that_has_just_begun_has_a_page(tmp_path):
    (tmp_path / 'results.json').write_text('{"name": "mine"}')
    texts = sections_of(write_html_report(tmp_path).read_text())
    assert 'holds no run' in texts['What ran']


def test_text_that_has_no_utf_8_is_written_with_escapes(tmp_path):
    (tmp_path / 'results.json').write_text(r'{"name": "caf\udce9"}')
    assert 'Study caf\\udce9' in write_html_report(tmp_path).read_text()


def test_the_command_says_where_the_page_is(tmp_path, capsys):
    (tmp_path / 'results.json').write_text('{"name": "mine"}')
    main([str(tmp_path), '--out', str(tmp_path / 'pages' / 'page.html'), '--seconds', '0'])
    assert capsys.readouterr().out.startswith(f'report: {tmp_path}/pages/page.html (')


@pytest.mark.parametrize('package', ['bokeh.embed', 'jinja2'])
def test_without_a_package_one_line_says_what_to_install(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match='pip install "jinja2>=3.1" "bokeh>=3.9"') as error:
        write_html_report(tmp_path)
    assert '\n' not in str(error.value) and not (tmp_path / 'report.html').exists()
