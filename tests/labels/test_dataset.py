"""What the command writes can be trained on as it is, and mirrored images have the right joints."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS
from xtcocotools.coco import COCO

from rsn_mm.cli.dataset import main

from . import drawn

#: Makes flips certain and turns nothing.
PLAIN = {'RandomFlip': dict(prob=1.), 'rsn_mm.ScaleRotateBBox': dict(
    scale=(1., 1.), shrink=1., rotation=0.), 'rsn_mm.ExtendBBox': dict(fixed=(0., 0.))}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn.write_roboflow(Path('export'))
    return tmp_path


def load(path) -> Config:
    init_default_scope('mmpose')
    return Config.fromfile(path)


def test_annotations_have_all_that_cocos_evaluation_reads(folder):
    main(['export', 'mice'])
    for split, count in (('train', 2), ('val', 1)):
        content = json.loads(Path(f'mice/{split}.json').read_text())
        category, = content['categories']
        assert (category['name'], category['keypoints']) == ('mice', drawn.JOINTS)
        assert category['skeleton'] == [[1, 2], [2, 4]]
        assert len(content['images']) == len(content['annotations']) == count
        for annotation in content['annotations']:
            assert annotation['id'] > 0  # its evaluation takes 0 for a missing one
            assert annotation['num_keypoints'] == sum(
                flag > 0 for flag in annotation['keypoints'][2::3])
            assert (annotation['area'], annotation['iscrowd']) == (2310, 0)
    COCO('mice/val.json')


def test_config_is_short_and_one_line_sets_size_joints_and_length(folder):
    main(['export', 'mice', '--epochs', '40', '--input-size', '64x96'])
    text = Path('mice/mice.py').read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 30
    Path('mice/other.py').write_text(
        text.replace('input_size = (64, 96)', 'input_size = (160, 128)')
        .replace('num_joints = 4', 'num_joints = 5')
        .replace('max_epochs, interval = 40, 4', 'max_epochs, interval = 90, 30'))
    for name, size, joints, epochs, interval in (('mice', (64, 96), 4, 40, 4),
                                                 ('other', (160, 128), 5, 90, 30)):
        cfg = load(f'mice/{name}.py')
        pipelines = [loader.dataset.pipeline for loader in (
            cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)]
        sizes = {step.input_size for pipeline in pipelines for step in pipeline
                 if step.type == 'TopdownAffine'}
        codecs = [step.encoder for step in pipelines[0] if step.type == 'GenerateTarget']
        assert sizes == {size} == {cfg.model.head.decoder.input_size}
        assert codecs == [cfg.model.head.decoder]
        with torch.device('meta'):
            head = MODELS.build(cfg.model).head
        assert head.out_channels == joints and head.loss_module.topk == 'all'
        assert cfg.train_cfg.max_epochs == epochs
        assert all('end' not in scheduler for scheduler in cfg.param_scheduler[1:])
        assert cfg.train_cfg.val_interval == cfg.default_hooks.checkpoint.interval == interval


def test_config_works_from_anywhere_and_its_dump_needs_no_other_file(folder, monkeypatch):
    main(['export', 'mice'])
    Path('elsewhere').mkdir()
    monkeypatch.chdir('elsewhere')
    load('../mice/mice.py').dump('dumped.py')
    for name in ('mice.py', 'metainfo.py'):
        Path('../mice', name).unlink()
    cfg = load('dumped.py')
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    assert dataset.metainfo['keypoint_id2name'][3] == 'tail'
    assert len(dataset) == 1 and Path(dataset.get_data_info(0)['img_path']).is_file()


def test_a_test_split_of_the_tool_is_tested_on(folder):
    drawn.write_json(Path('export/test/_annotations.coco.json'), json.loads(
        Path('export/valid/_annotations.coco.json').read_text()))
    Path('export/valid').rename('export/away')
    for name in ('test', 'valid'):
        Path('export', name).mkdir(exist_ok=True)
    for split in ('test', 'valid'):  # the same picture under another name
        file = 'c_png.rf.0123456789abcdef.png'
        Path('export', split, file).write_bytes(Path('export/away', file).read_bytes())
        drawn.write_json(Path('export', split, '_annotations.coco.json'), json.loads(
            Path('export/away/_annotations.coco.json').read_text()))
    for path in Path('export/away').iterdir():
        path.unlink()
    main(['export', 'mice'])
    cfg = load('mice/mice.py')
    assert cfg.test_dataloader.dataset.ann_file == 'test.json'
    assert cfg.val_dataloader.dataset.ann_file == 'val.json'
    assert len(DATASETS.build(cfg.test_dataloader.dataset)) == 1


@pytest.mark.parametrize('whole_image', [False, True])
def test_joints_stay_on_their_dots_and_change_sides_in_a_mirrored_image(folder, whole_image):
    main(['export', 'mice', '--input-size', '128x96', *['--whole-image'] * whole_image])
    cfg = load('mice/mice.py')
    assert bool(cfg.get('whole_image')) == whole_image
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    for mirrored in (False, True):
        steps = [{**step, **PLAIN.get(step.type, {})} for step in cfg.train_pipeline[:-2]
                 if mirrored or step.type != 'RandomFlip']
        steps = [{k: v for k, v in step.items() if k != 'random'} for step in steps]
        colors = drawn.COLORS[[0, 2, 1, 3] if mirrored else [0, 1, 2, 3]]
        pipeline = Compose(steps)
        for i in range(len(dataset)):
            sample = pipeline(dataset.get_data_info(i))
            labeled = sample['keypoints_visible'][0] > 0
            assert labeled.sum() >= 3
            pixels = cv2.medianBlur(sample['img'], 3)
            found = np.array(drawn.colors_at(pixels, sample['transformed_keypoints'][0, labeled]))
            # Blurred by the enlargement, but nearest to its own color.
            distances = np.linalg.norm(found[:, None] - colors.astype(int), axis=-1)
            assert distances.argmin(1).tolist() == np.flatnonzero(labeled).tolist()


def test_what_is_said(folder, capsys):
    main(['export', 'mice', '--val', '0.3', '--sigma', '0.1'])
    printed = capsys.readouterr().out
    for line in ('4: nose, left_ear, right_ear, tail', 'left_ear and right_ear',
                 '3 instances in 3 images', '0 made from joints, 3 of the labels',
                 '2 instances in 2 images', 'sigma       0.1 for every joint',
                 'mice/mice.py: input 128x96, 300 epochs'):
        assert line in printed
    main(['export', 'mice2'])
    assert 'of the labeling tool' in capsys.readouterr().out
