"""rsn-mm predict: photographs become files and pictures, whatever interrupts it."""

import csv
import json
import logging
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.apis import inference_topdown, init_model
from mmpose.registry import MODELS

from rsn_mm.apis import Predictor
from rsn_mm.cli import predict
from rsn_mm.prediction import job, run
from tests import golden
from tests.prediction.test_sources import BAD, GOOD
from tests.tools.tiny_run import call, environment, write_run, write_weights

JOINTS = 17


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Drawn images, a small network of fixed weights, and boxes."""
    folder = tmp_path_factory.mktemp('predict')
    write_weights(write_run(folder))
    (folder / 'photos').mkdir()
    for i in range(1, 8):
        (folder / f'{i:03d}.png').rename(folder / 'photos' / f'{i:03d}.png')
    boxes = [dict(image_id=i, category_id=1, bbox=[5 + i, 3, 40 - i, 60], score=0.5 + i / 20)
             for i in (1, 2, 3, 3, 5, 6, 7)]
    (folder / 'boxes.json').write_text(json.dumps(boxes))
    return folder


@pytest.fixture(scope='module')
def kept_predictors():
    """Makes predictors, each once."""
    return cache(Predictor)


@pytest.fixture
def here(folder, tmp_path, monkeypatch, kept_predictors):
    """An empty folder to work in, where networks are loaded once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, 'Predictor', lambda config, checkpoint, **options: (
        kept_predictors if Path(config).is_absolute() and Path(checkpoint).is_absolute()
        else Predictor)(config, checkpoint, **options))
    return folder


def arguments(folder, *more, batch=2):
    if not any(str(arg) in ('--boxes', '--whole-image', '--detector') for arg in more):
        more = (*more, '--boxes', folder / 'boxes.json')
    inputs = () if more and not str(more[0]).startswith('--') else (folder / 'photos', )
    return [str(arg) for arg in (*inputs, *more, '--model', folder / 'tiny.py',
                                 folder / 'tiny.pth', '--batch-size', batch, '--device', 'cpu')]


def command(folder, *more, **options):
    """Run the command; returns its exit status or message."""
    try:
        predict.main(arguments(folder, *more, **options))
    except SystemExit as exit_:
        return exit_.code
    return 0


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def keypoints(records):
    return np.array([person['keypoints'] for record in records for person in record['people']])


# ------------------------------------------------------------------------------------ what it gives


@pytest.fixture(scope='module')
def expected(folder):
    """What the predictor finds for the photos and their boxes."""
    predictor = Predictor(folder / 'tiny.py', folder / 'tiny.pth', 'cpu')
    boxes = {i: [] for i in range(1, 8)}
    for each in json.loads((folder / 'boxes.json').read_text()):
        x, y, width, height = each['bbox']
        boxes[each['image_id']].append([x, y, x + width, y + height, each['score']])
    return predictor([folder / 'photos' / f'{i:03d}.png' for i in boxes], list(boxes.values()))


@pytest.mark.parametrize('batch', [1, 2, 16])
def test_results_are_the_predictors(here, expected, capsys, batch):
    assert command(here, '--output', 'out/found.jsonl', batch=batch) == 0
    assert os.listdir('out') == ['found.jsonl']
    records = lines('out/found.jsonl')
    assert [Path(each['image']).name for each in records] == [f'{i:03d}.png' for i in range(1, 8)]
    assert [len(each['people']) for each in records] == [1, 1, 2, 0, 1, 1, 1]
    for record, people in zip(records, expected):
        found = np.array([person['keypoints'] for person in record['people']]
                         ).reshape(-1, JOINTS, 3)
        np.testing.assert_allclose(found[..., :2], people.keypoints, atol=1e-2)
        np.testing.assert_allclose(found[..., 2], people.keypoint_scores, atol=1e-4)
        np.testing.assert_allclose([p['score'] for p in record['people']], people.scores, atol=1e-4)
        np.testing.assert_allclose(np.reshape([p['box'] for p in record['people']], (-1, 4)),
                                   people.bboxes_xyxy, atol=1e-3)
        assert (record['width'], record['height']) == (100, 80)
    assert '7 people in 7 images: out/found.jsonl' in capsys.readouterr().out


def test_all_formats_hold_the_same(here):
    for ending in ('jsonl', 'json', 'csv', 'parquet'):
        assert command(here, '--output', f'out.{ending}') == 0
    records = lines('out.jsonl')
    coco = json.loads(Path('out.json').read_text())
    assert [each['image_id'] for each in coco] == [1, 2, 3, 3, 5, 6, 7]
    np.testing.assert_array_equal(
        np.array([each['keypoints'] for each in coco]).reshape(-1, JOINTS, 3), keypoints(records))
    rows = list(csv.DictReader(Path('out.csv').open()))
    assert len(rows) == 7 and float(rows[2]['nose_x']) == records[2]['people'][0]['keypoints'][0][0]
    table = pq.read_table('out.parquet')
    assert [len(people) for people in table['people'].to_pylist()] == [1, 1, 2, 0, 1, 1, 1]
    np.testing.assert_array_equal(keypoints(table.to_pylist()), keypoints(records))


@pytest.mark.parametrize('flip', [True, False])
@pytest.mark.parametrize('joints, dataset', [(17, 'CocoDataset'), (16, 'rsn_mm.MpiiDataset')])
def test_agrees_with_mmposes_inference_and_test(here, monkeypatch, flip, joints, dataset):
    """Same boxes, same keypoints: the command, inference_topdown, and tools/test.py for COCO."""
    cfg = Config.fromfile(here / 'tiny.py')
    cfg.merge_from_dict({'model.test_cfg.flip_test': flip, 'model.head.out_channels': joints,
                         'train_dataloader.dataset.type': dataset})
    cfg.dump('config.py')
    init_default_scope('mmpose')
    model = golden.fill(MODELS.build(cfg.model))
    torch.save(dict(state_dict=model.state_dict(), meta={}), 'weights.pth')
    annotations = json.loads((here / 'persons.json').read_text())
    photos = {image['id'] for image in annotations['images'] if image['id'] > 7}
    boxes = [each for each in annotations['annotations'] if each['image_id'] in photos]
    Path('boxes.json').write_text(json.dumps(boxes))
    predict.main([*(str(here / f'{i:03d}.png') for i in sorted(photos)), '--boxes', 'boxes.json',
                  '--model', 'config.py', 'weights.pth', '--device', 'cpu', '--output', 'o.jsonl'])
    found = keypoints(lines('o.jsonl'))
    mmposes = init_model(cfg.copy(), 'weights.pth', device='cpu')
    theirs = []
    for each in boxes:
        x, y, width, height = each['bbox']
        sample, = inference_topdown(mmposes, str(here / f'{each["image_id"]:03d}.png'),
                                    np.array([[x, y, x + width, y + height]], np.float32))
        theirs.append(sample.pred_instances.keypoints[0])
    np.testing.assert_allclose(found[..., :2], theirs, atol=1e-2)
    if joints == 17 and flip:
        kept = [image for image in annotations['images'] if image['id'] in photos]
        Path('few.json').write_text(json.dumps({**annotations, 'images': kept,
                                                'annotations': boxes}))
        assert call('test.py', 'config.py', 'weights.pth', '--dump', 'o.pkl', '--cfg-options',
                    f'test_dataloader.dataset.ann_file={Path("few.json").resolve()}',
                    'test_evaluator.0.ann_file=few.json', 'work_dir=work') is None
        tested = pickle.loads(Path('o.pkl').read_bytes())
        tested = {each['img_id']: each['pred_instances']['keypoints'][0] for each in tested}
        np.testing.assert_allclose(
            found[..., :2], [tested[each['image_id']] for each in boxes], atol=1e-2)


def test_whole_images_and_a_list(here, monkeypatch):
    paths = [str(here / 'photos' / f'{i:03d}.png') for i in (3, 1)]
    monkeypatch.setattr(sys, 'stdin', iter(f'{path}\n' for path in paths))
    assert command(here, '-', '--whole-image', '--output', 'out.jsonl') == 0
    records = lines('out.jsonl')
    assert [record['image'] for record in records] == paths
    assert all(record['people'][0]['box'] == [0, 0, 100, 80] for record in records)


def test_pictures(here):
    assert command(here, '--draw', 'drawn', '--heatmaps', 'maps', '--draw-thr', '0') == 0
    names = sorted(path.name for path in (here / 'photos').iterdir())
    assert sorted(os.listdir('maps')) == names
    assert sorted(os.listdir('drawn')) == sorted([*names, 'keypoints.jsonl'])
    for name, people in zip(names, (1, 1, 2, 0, 1, 1, 1)):
        photo, drawn, maps = (cv2.imread(str(folder / name)) for folder in (
            here / 'photos', Path('drawn'), Path('maps')))
        assert photo.shape == drawn.shape == maps.shape
        assert (photo != drawn).any() == (people > 0)
        assert (maps.max(-1) != maps.min(-1)).any() == (people > 0)  # color is the heatmaps'


def test_by_default_pictures_and_lines_in_one_folder(here):
    assert command(here) == 0
    assert len(os.listdir('predictions')) == 8 and lines('predictions/keypoints.jsonl')
    assert 'holds files already' in command(here, '--output', 'o.json', '--draw', 'predictions')
    assert 'is there already' in command(here)
    assert command(here, '--force') == 0


def test_bfloat16(here):
    assert command(here, '--output', 'a.jsonl') == command(
        here, '--output', 'b.jsonl', '--optimize', 'bf16') == 0
    near = np.abs(keypoints(lines('a.jsonl')) - keypoints(lines('b.jsonl')))
    assert 0 < near.max() and np.median(near[..., :2]) < 1


# ------------------------------------------------------------------------------------ interruptions


def test_an_interrupted_run_goes_on_and_gives_the_same(here, monkeypatch, capsys):
    """Stopped in every group, before its lines, among its lines, and before the results."""
    assert command(here, '--output', 'whole.jsonl', '--draw', 'whole') == 0
    seen = []
    read = run.read_frame
    monkeypatch.setattr(run, 'read_frame', lambda source: seen.append(source) or read(source))
    finish, stop_at, calls = job.Job._finish, [0], [0]

    def stopping(self, item, picture):
        calls[0] += 1
        if calls[0] == stop_at[0]:
            raise KeyboardInterrupt
        return finish(self, item, picture)

    monkeypatch.setattr(job.Job, '_finish', stopping)
    for stop in (1, 2, 4, 7):
        stop_at[0], calls[0] = stop, 0
        out = f'{stop}.jsonl'
        assert command(here, '--output', out, '--draw', str(stop)) == 130
        assert 'interrupted; the same command goes on' in capsys.readouterr().err
        assert not Path(out).exists()
        stop_at[0] = 0
        seen.clear()
        assert command(here, '--output', out, '--draw', str(stop)) == 0
        assert len(seen) == 7 - (stop - 1) // 2 * 2  # groups of two are done or not
        assert Path(out).read_bytes() == Path('whole.jsonl').read_bytes()
        assert not Path(f'{out}.partial').exists()
        for name in os.listdir('whole'):
            assert Path('whole', name).read_bytes() == Path(str(stop), name).read_bytes()


def test_a_run_stopped_before_its_results_are_written(here, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(job, 'write_results', fail)
        assert command(here, '--output', 'out.csv') == 130
    with monkeypatch.context() as patch:
        patch.setattr(Predictor, 'predict_crops', fail)  # nothing is left to predict
        assert command(here, '--output', 'out.csv') == 0
    assert command(here, '--output', 'whole.csv') == 0
    assert Path('out.csv').read_bytes() == Path('whole.csv').read_bytes()


def interrupt(here, monkeypatch, *more):
    """Leave a run that has done 2 of the 7 images."""
    finish, calls = job.Job._finish, []

    def stopping(self, item, picture):
        calls.append(item)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return finish(self, item, picture)

    with monkeypatch.context() as patch:
        patch.setattr(job.Job, '_finish', stopping)
        assert command(here, *more) == 130


def test_other_inputs_or_settings_do_not_go_on(here, monkeypatch):
    interrupt(here, monkeypatch, '--output', 'out.jsonl')
    before = Path('out.jsonl.partial').read_bytes()
    for more, message in (
            (('--whole-image', ), 'with other settings has left: whole_image was False, now True'),
            (('--optimize', 'bf16'), "optimize was 'fp32', now 'bf16'"),
            ((here / 'photos' / '002.png', ), 'with other inputs has left: its first 2 have')):
        error = command(here, *more, '--output', 'out.jsonl')
        assert message in error and error.endswith('; --force discards it')
        assert before.startswith(Path('out.jsonl.partial').read_bytes())
        assert Path('out.jsonl.partial').read_bytes().count(b'inputs_done') == 1
    assert command(here, '--output', 'out.jsonl', '--optimize', 'bf16', '--force') == 0
    assert command(here, '--output', 'whole.jsonl', '--optimize', 'bf16') == 0
    assert Path('out.jsonl').read_bytes() == Path('whole.jsonl').read_bytes()


def test_force_also_goes_on(here, monkeypatch):
    """A command in a loop that repeats it until it succeeds comes to an end."""
    Path('out.jsonl').write_text('old')
    interrupt(here, monkeypatch, '--output', 'out.jsonl', '--force')
    assert Path('out.jsonl').read_text() == 'old'
    seen = []
    read = run.read_frame
    monkeypatch.setattr(run, 'read_frame', lambda source: seen.append(source) or read(source))
    assert command(here, '--output', 'out.jsonl', '--force') == 0
    assert len(seen) == 5 and len(lines('out.jsonl')) == 7


def test_kill_9(here):
    """A process that is killed leaves nothing half-written, and the next one finishes."""
    args = arguments(here, '--output', 'out.jsonl', '--draw', 'drawn', batch=1)
    many = [str(here / 'photos' / f'{1 + i % 7:03d}.png') for i in range(60)]
    process = subprocess.Popen([sys.executable, '-m', 'rsn_mm.cli', 'predict', *many, *args[1:]],
                               env=environment(), stderr=subprocess.DEVNULL)
    journal = Path('out.jsonl.partial')
    deadline = time.time() + 120
    while not (journal.exists() and journal.read_bytes().count(b'inputs_done') > 3):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not Path('out.jsonl').exists()
    assert all(cv2.imread(str(path)) is not None for path in Path('drawn').glob('*.png'))
    done = journal.read_bytes().count(b'inputs_done')
    assert 3 < done < 60
    predict.main([*many, *args[1:]])
    predict.main([*many, *arguments(here, '--output', 'whole.jsonl', '--draw', 'whole',
                                    batch=1)[1:]])
    assert Path('out.jsonl').read_bytes() == Path('whole.jsonl').read_bytes()
    assert sorted(os.listdir('drawn')) == sorted(os.listdir('whole'))


# ---------------------------------------------------------------------------------------- bad input


def test_skipping_bad_images(here, caplog):
    """All kinds of images in one folder: the good are predicted, the bad are named."""
    os.mkdir('photos')
    for i, (data, *_) in enumerate(GOOD.values()):
        Path(f'photos/good-{i:02d}.jpg').write_bytes(data)
    for i, (data, *_) in enumerate(BAD.values()):
        Path(f'photos/bad-{i:02d}.jpg').write_bytes(data)
    caplog.set_level(logging.WARNING)
    whole = ('photos', '--whole-image', '--output', 'out.jsonl', '--draw', 'drawn')
    error = command(here, *whole)
    assert 'error: photos/bad-00.jpg: the file is empty' in error
    assert not Path('out.jsonl').exists()
    assert command(here, *whole, '--skip-errors') == 3
    records = lines('out.jsonl')
    skipped = [record for record in records if 'error' in record]
    assert [record['image'] for record in skipped] == [
        f'photos/bad-{i:02d}.jpg' for i in range(len(BAD))]
    assert all(record['image'] in record['error'] for record in skipped)
    assert caplog.text.count('skipped: photos/bad-') == len(BAD)
    assert len(records) == len(BAD) + len(GOOD) and len(os.listdir('drawn')) == len(GOOD)
    assert keypoints(r for r in records if 'people' in r).shape == (len(GOOD), JOINTS, 3)


@pytest.mark.parametrize('box, message', [
    ([1, 2, 'nan', 4], r'001.png: box 0 is \[1.0, 2.0, nan.* expected finite numbers'),
    ([1, 2, 'inf', 4], '001.png: box 0 .* expected finite numbers'),
    ([30, 20, 10, 40], '001.png: box 0 .* a width or a height above 0'),
    ([10, 20, 10, 20], '001.png: box 0 .* a width or a height above 0'),
    ([100, 0, 120, 40], '001.png: box 0 .* outside the image of 100 x 80 pixels'),
    ([-30, 0, 0, 40], '001.png: box 0 .* outside the image'),
])
def test_bad_boxes_are_named_or_skipped(here, box, message):
    Path('boxes.csv').write_text('image,x1,y1,x2,y2\n001.png,' + ','.join(map(str, box)) + '\n')
    options = ('--boxes', 'boxes.csv', '--output', 'out.jsonl')
    assert re.search(message, command(here, *options))
    assert command(here, *options, '--skip-errors') == 3
    first, *others = lines('out.jsonl')
    assert re.search(message, first['error']) and not any('error' in each for each in others)


@pytest.mark.parametrize('more, message', [
    (('no.jpg', '--output', 'o.json'), 'error: no.jpg does not exist'),
    (('*.jpg', '--output', 'o.json'), 'no file matches the pattern'),
    (('--output', 'o.txt'), 'o.txt: expected a file ending with .json, .jsonl, .csv, .parquet'),
    (('--output', 'folder.json'), 'folder.json is a folder'),
    (('--output', 'old.json'), 'old.json is there already: remove it or choose another name; '
     '--force writes over them'),
    (('--draw', 'full'), 'folder full holds files already'),
    (('--draw', 'old.json'), 'folder'),
    (('--draw', 'd', '--heatmaps', 'd'), '--draw and --heatmaps are both d'),
    (('--boxes', 'no.json'), 'no.json does not exist'),
    (('--boxes', 'old.json'), 'old.json is not JSON'),
    (('--boxes', 'others.csv'), 'others.csv has boxes for none of the images'),
    (('--batch-size', '0'), '--batch-size 0: expected 1 or more'),
    (('--box-thr', '1.5'), '--box-thr 1.5: expected 0 to 1'),
    (('--model', 'no.py', 'no.pth'), 'no.py does not exist'),
])
def test_bad_command_lines_are_one_message(here, more, message):
    Path('folder.json').mkdir()
    Path('full').mkdir()
    Path('full/mine.txt').touch()
    Path('old.json').write_text('old')
    Path('others.csv').write_text('image,x1,y1,x2,y2\nother.jpg,1,2,3,4\n')
    args = arguments(here, *more)
    if '--model' in more or '--batch-size' in more:  # the last one counts
        args += map(str, more)
    with pytest.raises(SystemExit) as error:
        predict.main(args)
    assert message in str(error.value.code)
    assert Path('old.json').read_text() == 'old' and os.listdir('full') == ['mine.txt']


def test_a_category_needs_a_detector(here, capsys):
    with pytest.raises(SystemExit):
        predict.main(arguments(here, '--category', 'mouse'))
    assert '--category is what a detector finds, and needs --detector' in capsys.readouterr().err


def test_pictures_never_replace_their_photographs(here):
    os.mkdir('photos')
    cv2.imwrite('photos/a.jpg', np.full((50, 40, 3), 90, np.uint8))
    before = Path('photos/a.jpg').read_bytes()
    error = command(here, 'photos/a.jpg', '--whole-image', '--draw', 'photos', '--force')
    assert 'photos/a.jpg is the image itself; choose another folder' in error
    assert Path('photos/a.jpg').read_bytes() == before


def test_a_full_disk_is_one_message_and_what_is_done_stays(here, monkeypatch):
    calls = []

    def full(path):
        calls.append(path)
        if len(calls) > 3:
            raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', full)
        error = command(here, '--output', 'out.jsonl')
    assert 'out.jsonl.partial cannot be written: No space left on device' in error
    assert command(here, '--output', 'out.jsonl') == 0
    assert len(lines('out.jsonl')) == 7


def test_nan_is_not_written(here, monkeypatch):
    weights = torch.load(here / 'tiny.pth')
    for value in weights['state_dict'].values():  # finite, but their products are not
        value.fill_(1e38) if value.is_floating_point() else None
    torch.save(weights, 'nan.pth')
    error = None
    try:
        predict.main([*arguments(here, '--output', 'o.jsonl'), '--model', str(here / 'tiny.py'),
                      'nan.pth'])
    except SystemExit as exit_:
        error = exit_.code
    assert '001.png: the network predicts numbers that are NaN or infinite' in error
