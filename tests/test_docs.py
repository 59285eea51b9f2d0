"""What the documents show is true: every block runs or is parsed, every link leads somewhere."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, TRANSFORMS, init_default_scope
from mmengine.utils import import_modules_from_strings

from benchmarks import machine
from rsn_mm.apis import Predictor
from rsn_mm.registry import DATASETS, UNITS
from rsn_mm.video import VideoReader, VideoWriter
from tests.conversion.samples import released
from tests.doc_blocks import Block, Stage, blocks_of, commands_of, inside, outside_of_blocks
from tests.fresh import ROOT
from tests.tools.tiny_run import call

PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md')])
#: What makes training and testing a matter of seconds.
SMALL = ' '.join([
    'model.backbone.num_blocks=1,1,1,1', 'model.backbone.unit_channels=16',
    'model.head.unit_channels=16',
    *(f'{loader}_dataloader.{option}' for loader in ('train', 'val', 'test')
      for option in ('num_workers=0', 'persistent_workers=False'))])

#: The same at the end of the demo's config, which pages use without options.
SMALL_NETWORK = """
model['backbone'].update(num_blocks=(1, 1, 1, 1), unit_channels=16, num_branches=2)
model['head'].update(unit_channels=16)
"""

FEW_IMAGES = 4
#: What makes the demo's data few.
FEW = ' '.join(f'{loader}_dataloader.dataset.num_images={FEW_IMAGES}'
               for loader in ('train', 'val', 'test'))

Rule = Callable[[Stage, Block, pytest.CaptureFixture], None]


# ------------------------------------------------------------------------------------ the rules


def run(stage: Stage, block: Block, capsys, short: dict[str, str] | None = None,
        before: Callable[[Stage], None] | None = None, more: str = '') -> None:
    """Every command runs to its end, with shorter options in the place of long ones.

    Args:
        short: Text of the block by what takes its place.
        before: Puts files into the stage.
        more: Options for the last command.
    """
    text = block.text
    for long, shorter in (short or {}).items():
        assert long in text, f'{block}: {long} is not in the block'
        text = text.replace(long, shorter)
    if before:
        before(stage)
    commands = commands_of(text)
    assert commands
    commands[-1].words.extend(more.split())
    for command in commands:
        stage.run(command, capsys)


def parse(stage: Stage, block: Block, capsys, fill: dict[str, str] | None = None) -> None:
    """The parser of every command takes it, and the files of the repository in it are there.

    Args:
        fill: Place-holders of the block by what they stand for.
    """
    text = block.text
    for name, value in (fill or {}).items():
        assert name in text, f'{block}: {name} is not in the block'
        text = text.replace(name, value)
    commands = commands_of(text)
    assert commands
    for command in commands:
        stage.parse(command)


def printed(stage: Stage, block: Block, capsys) -> None:
    """The block is what the command before it printed."""
    assert block.text == stage.printed


def shown(stage: Stage, block: Block, capsys) -> None:
    """The block is a picture: a tree of files, a flow of data, a table of results."""
    assert block.language == ''


def of_other_software(stage: Stage, block: Block, capsys) -> None:
    """The block is for software that is not installed here; the paragraph around it says so."""
    before, after = (ROOT / block.page).read_text().split(block.text)
    around = before.split('\n\n')[-2], after.split('\n\n')[1]
    assert any('was not run for this page' in ' '.join(text.split()) for text in around)


def python(stage: Stage, block: Block, capsys, before: Callable | None = None,
           after: Callable | None = None) -> None:
    """The code runs.

    Args:
        before: Puts files into the stage; returns names that the code takes for granted.
        after: Looks at the names that the code leaves.
    """
    names = stage.python(block.text, **(before(stage) if before else {}) or {})
    if after:
        after(stage, names)


def written(stage: Stage, block: Block, capsys, name: str) -> None:
    """The block is a file of the given name, which blocks that follow use."""
    (stage.folder / name).write_text(block.text)


def config(stage: Stage, block: Block, capsys, name: str = 'block.py', after: Callable | None = None
           ) -> None:
    """The block is a config: it loads, and its model and pipelines can be built.

    Args:
        name: Its file in the stage, for the blocks that follow.
        after: Looks at the config.
    """
    cfg = stage.config(block.text, name)
    init_default_scope('mmpose')
    for pipeline in (cfg.get('train_pipeline', []), cfg.get('test_pipeline', [])):
        for transform in pipeline:
            TRANSFORMS.build(transform)
    if after:
        after(cfg)


# ------------------------------------------------------------------- what pages take for granted


def demo_images(stage: Stage) -> Config:
    """A few images of the demo, on disk; returns the demo's config."""
    cfg = stage.config("_base_ = ['configs/rsn/rsn18_synthetic-128x96.py']", 'demo.py')
    init_default_scope('mmpose')
    with inside(stage.folder):
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            DATASETS.build({**loader.dataset, 'num_images': FEW_IMAGES, 'workers': 1})
    return cfg


def demo_results(stage: Stage) -> None:
    """What `make demo` leaves: images, and a checkpoint (of a small network, not trained)."""
    if (stage.folder / 'work_dirs' / 'demo').exists():
        return
    with open(stage.folder / 'configs/rsn/rsn18_synthetic-128x96.py', 'a') as config_file:
        config_file.write(SMALL_NETWORK)
    cfg = demo_images(stage)
    folder = stage.folder / 'work_dirs' / 'demo'
    folder.mkdir(parents=True)
    state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=state, meta={}), folder / f'epoch_{cfg.train_cfg.max_epochs}.pth')


def person(stage: Stage) -> None:
    """A photograph with a person."""
    image, = stage.folder.glob('data/synthetic_rsn18/val/images/*1.jpg')
    shutil.copy(image, stage.folder / 'person.jpg')


def check_demo_box(stage: Stage, names: dict) -> None:
    """The box that the page gives is that of a person in the image."""
    assert names['people'].keypoints.shape == (1, 17, 2)
    folder = (stage.folder / names['image']).parents[1]
    annotations = json.loads((folder / 'annotations.json').read_text())['annotations']
    boxes = [[x, y, x + width, y + height] for x, y, width, height in (
        a['bbox'] for a in annotations if a['image_id'] == 1)]
    offsets = np.abs(names['people'].bboxes_xyxy - np.array(boxes)).max(-1)
    assert offsets.min() <= 1, f'the people of the image are at {boxes}'


def check_parts(stage: Stage, names: dict) -> None:
    """The parts hold all images of the manifest."""
    assert names['table'].num_rows == FEW_IMAGES


def ray_data(stage: Stage) -> None:
    """A manifest with absolute paths, and in the place of Ray what applies a worker to it."""
    folder = stage.folder / 'data/synthetic_rsn18/val'
    rows = [json.loads(line) for line in (folder / 'manifest.jsonl').read_text().splitlines()]
    table = pa.Table.from_pylist([{**row, 'path': str(folder / row['path'])} for row in rows])

    def map_batches(worker, fn_constructor_args, batch_format, batch_size, concurrency, num_cpus):
        assert batch_format == 'pyarrow'
        found = worker(*fn_constructor_args)(table)
        return SimpleNamespace(write_parquet=lambda path: stage.results.append(found))

    stage.results = []
    sys.modules['ray'] = SimpleNamespace(data=SimpleNamespace(
        read_parquet=lambda path: SimpleNamespace(map_batches=map_batches)))


def check_ray_data(stage: Stage, names: dict) -> None:
    """Every image has its people, as in the parts."""
    del sys.modules['ray']
    found, = stage.results
    assert found.num_rows == FEW_IMAGES and all(found['people'].to_pylist())


def two_images(stage: Stage) -> dict:
    """What the example before this one leaves, and more images."""
    demo_results(stage)
    predictor = Predictor(stage.folder / 'configs/rsn/rsn18_synthetic-128x96.py',
                          next((stage.folder / 'work_dirs/demo').glob('*.pth')))
    image = np.zeros((100, 80, 3), np.uint8)
    return dict(predictor=predictor, images=[image, image], boxes=[None, [[0, 0, 40, 90]]])


def empty_pipelines(stage: Stage) -> dict:
    return dict(train_pipeline=[], val_pipeline=[])


def built(cfg: Config) -> None:
    """The backbone and the head of the config are built, without memory for weights."""
    with torch.device('meta'):
        for part in ('backbone', 'head'):
            MODELS.build(cfg.model[part])


def build_with_a_unit_of_ones_own(stage: Stage, names: dict) -> None:
    """The module that the config imports is written, and its backbone built."""
    package = stage.folder / 'my_package'
    package.mkdir()
    (package / '__init__.py').touch()
    (package / 'units.py').write_text('''
from rsn_mm.models.units import BasicUnit
from rsn_mm.registry import UNITS

@UNITS.register_module()
class MyUnit(BasicUnit):
    def __init__(self, *args, groups, **options):
        super().__init__(*args, **options)
''')
    try:
        with mock.patch.object(sys, 'path', [str(stage.folder), *sys.path]):
            import_modules_from_strings(**names['custom_imports'])
        build_backbone(stage, names)
    finally:
        UNITS.module_dict.pop('MyUnit', None)


def build_backbone(stage: Stage, names: dict) -> None:
    init_default_scope('mmpose')
    with torch.device('meta'):
        MODELS.build(names['backbone'])


def generate(stage: Stage, names: dict) -> None:
    """The datasets of the block make themselves, of a few images."""
    init_default_scope('mmpose')
    with inside(stage.folder):
        for split in ('train', 'val'):
            dataset = names[f'{split}_dataloader']['dataset']
            assert len(DATASETS.build({**dataset, 'num_images': 2, 'workers': 1})) > 0
        assert Path(names['val_evaluator']['ann_file']).is_file()


def released_checkpoint(stage: Stage) -> None:
    torch.save(dict(model=released('rsn18x2_coco')), stage.folder / 'theirs.pth')


def without_theirs(stage: Stage) -> None:
    (stage.folder / 'theirs.pth').unlink()


def mice(stage: Stage) -> None:
    """A data set of the page on keypoints of one's own."""
    with inside(stage.folder):
        call('examples/draw_mice.py', 'data/mice_project', '--frames', '2')
        call('dataset.py', 'data/mice_project', 'data/mice')


def demo_video(stage: Stage) -> None:
    demo_results(stage)
    with VideoWriter(stage.folder / 'video.mp4') as video:
        for i in range(8):
            video.write(np.full((64, 96, 3), 20 * i, np.uint8), i / 25)


def check_copy(stage: Stage, names: dict) -> None:
    assert len(list(VideoReader(stage.folder / 'copy.mp4'))) == 8


def small_matrices(stage: Stage) -> None:
    machine.MATRIX_SIZES = dict(cpu=64)


# ------------------------------------------------------------------------- the blocks of all pages


#: Of every page its blocks in order: how one begins, and the rule that it must meet.
RULES: dict[str, list[tuple[str, Rule]]] = {
    'CONTRIBUTING.md': [
        ('make setup', parse),
        ('.venv/bin/python -m pytest tests/models/test_units.py', parse),
        ('from typing import Any', partial(written, name='my_units.py')),
        ("_base_ = ['configs/rsn/rsn18_synthetic-128x96.py']", partial(
            written, name='my_config.py')),
        ('PYTHONPATH=. .venv/bin/python tools/get_flops.py my_config.py', partial(
            run, before=demo_images, more=f'--cfg-options max_epochs=1 {SMALL} {FEW}')),
        ('.venv/bin/python -m pip install build', parse),
    ],
    'README.md': [
        ('make demo', parse),
        ('from rsn_mm.apis import Predictor', partial(
            python, before=demo_results, after=check_demo_box)),
        ('.venv/bin/rsn-mm predict photo.jpg', parse),
        ('.venv/bin/rsn-mm train rsn18_synthetic-128x96', parse),
        ("custom_imports = dict(imports=['rsn_mm'])", partial(config, after=built)),
        ('.venv/bin/python tools/train.py configs/rsn/rsn18_lsp-128x96.py', parse),
    ],
    'docs/analysis.md': [
        ('.venv/bin/python tools/plot_branch_weights.py', partial(run, before=demo_results)),
        ('.venv/bin/python tools/plot_heatmaps.py', partial(run, before=person)),
        ('from rsn_mm.analysis.heatmaps import', python),
    ],
    'docs/architecture.md': [
        ('annotation file', shown),
        ('LoadImage -> ExtendBBox', shown),
        ('cli', shown),  # tests/test_architecture.py compares it with the package
    ],
    'docs/checkpoints.md': [
        ('.venv/bin/python tools/convert_checkpoint.py theirs.pth ours.pth', partial(
            run, before=released_checkpoint)),
        ('wrote ours.pth', printed),
        ('.venv/bin/python tools/test.py CONFIG ours.pth', partial(parse, fill={
            'CONFIG': 'configs/rsn/rsn18-released_coco-256x192.py',
            '...': 'model.backbone.num_stages=2'})),
        ('.venv/bin/python tools/convert_checkpoint.py ours.pth theirs.pth', partial(
            run, before=without_theirs)),
    ],
    'docs/comparison.md': [
        ('.venv/bin/python tools/compare.py configs/compare/lsp.yml', parse),
        ('.venv/bin/python tools/train.py configs/rsn/rsn18_lsp-large-128x96.py', parse),
        ('.venv/bin/python tools/train.py configs/rsn/rsn18_lsp-large-128x96.py', parse),
    ],
    'docs/conventions.md': [
        ('import numpy as np', python),
        ('import torch', python),
    ],
    'docs/custom.md': [
        ('.venv/bin/python examples/draw_mice.py', partial(run, short={
            'data/mice_project\n.venv': 'data/mice_project --frames 3\n.venv',
            '--epochs 30': '--epochs 1'}, more=f'--no-amp --cfg-options {SMALL}')),
        ('.venv/bin/python tools/test.py data/mice/mice.py', partial(run, short={
            'epoch_30.pth': 'epoch_1.pth'}, more=f'--cfg-options {SMALL}')),
        ('.venv/bin/python tools/dataset.py', run),
    ],
    'docs/evaluation.md': [
        ('.venv/bin/python tools/test.py configs/rsn/rsn18_coco-256x192.py', parse),
        ('.venv/bin/python tools/test.py configs/rsn/rsn18_coco-256x192.py', parse),
        ('.venv/bin/python tools/test.py configs/rsn/rsn50x4-ensemble_coco.py', parse),
        ('.venv/bin/python tools/detect_persons.py', parse),
        ('.venv/bin/python tools/test.py configs/rsn/rsn50x4-ensemble_coco.py', parse),
        ("_base_ = ['configs/rsn/rsn18_coco-256x192.py']", config),
    ],
    'docs/install.md': [
        ('make demo', parse),
        ('make demo PYTHON=python3.11', parse),
        ('pip install -e .', parse),
        ('pip wheel --no-deps', parse),
        ('pip install -r requirements/torch.txt', parse),
        ('rsn-mm run mmpose::demo/inferencer_demo.py', parse),
        ('pip uninstall -y mmcv-lite', parse),
    ],
    'docs/mixing.md': [
        ("_base_ = ['configs/rsn/rsn18_coco-256x192.py']", partial(config, after=built)),
    ],
    'docs/mpii.md': [
        ('data/mpii/annotations', shown),
        ('bash tools/dist_train.sh configs/rsn/rsn50x4_mpii-256x256.py', parse),
        ('| PCKh@0.5 |', shown),
        ('.venv/bin/python tools/test.py configs/rsn/rsn18_mpii-256x256.py', parse),
        ("_base_ = ['configs/rsn/rsn18_mpii-256x256.py']", partial(
            config, name='generated_mpii.py')),
        ('.venv/bin/python tools/make_synthetic.py', partial(run, short={
            '--train 32 --val 16': '--train 8 --val 4 --workers 1',
            '--no-amp': f'--no-amp --cfg-options {SMALL}',
            'epoch_1.pth': f'epoch_1.pth --cfg-options {SMALL}'})),
    ],
    'docs/networks.md': [
        ('python tools/get_flops.py --markdown', partial(
            run, more='configs/rsn/rsn18_coco-256x192.py')),
        ("backbone=dict(type='rsn_mm.RSN', unit='rsb'", partial(python, after=build_backbone)),
        ("custom_imports=dict(imports=['rsn_mm', 'my_package.units']", partial(
            python, after=build_with_a_unit_of_ones_own)),
        ('backbone=dict(', partial(python, after=build_backbone)),
    ],
    'docs/performance.md': [
        ('python -m benchmarks --steps encode decode train', partial(
            run, before=small_matrices, short={' decode train': ''}, more='--rounds 1')),
    ],
    'docs/deployment.md': [
        ('.venv/bin/python tools/export.py', partial(run, before=demo_results)),
        ('.venv/bin/python demo/onnx_predict.py model.onnx', run),
        ('from rsn_mm.apis import Predictor', python),
        ('.venv/bin/python tools/quantize.py', parse),
        ('.venv/bin/python demo/serve.py', parse),
        ('trtexec --onnx=model.onnx', of_other_software),
        ('.venv/bin/python tools/export.py', run),
        ('import coremltools', of_other_software),
    ],
    'docs/prediction.md': [
        ('.venv/bin/rsn-mm predict photo.jpg', parse),
        ('.venv/bin/rsn-mm predict data/synthetic_rsn18/val/images', partial(
            run, before=demo_results)),
        ('.venv/bin/rsn-mm models', run),
        ('.venv/bin/python demo/app.py', parse),
        ('from rsn_mm.apis import Predictor', partial(
            python, before=demo_results, after=check_demo_box)),
        ('entries = predictor(images, boxes', partial(python, before=two_images)),
        ('for image, people in zip(images', partial(python, before=two_images)),
    ],
    'docs/scale.md': [
        ('import json', partial(python, before=demo_results)),
        ('.venv/bin/rsn-mm predict --manifest', run),
        ('import pyarrow.dataset', partial(python, after=check_parts)),
        ('.venv/bin/rsn-mm predict --manifest', parse),
        ('import ray', partial(python, before=ray_data, after=check_ray_data)),
        ('bash tools/slurm_predict.sh', parse),
    ],
    'docs/synthetic.md': [
        ('train_dataloader = dict(dataset=dict(', partial(
            python, before=empty_pipelines, after=generate)),
        ('.venv/bin/python tools/make_synthetic.py data/synthetic ', partial(run, short={
            'data/synthetic ': 'data/few ',
            '--train 1500 --val 200': '--train 2 --val 1 --workers 1',
            '--train 500 --val 100': '--train 2 --val 1 --workers 1'})),
    ],
    'docs/video.md': [
        ('pip install', parse),
        ('.venv/bin/rsn-mm predict video.mp4', partial(run, before=demo_video)),
        ('from rsn_mm.apis import Predictor', partial(python, after=check_copy)),
    ],
    'docs/training.md': [
        ('data/coco/annotations', shown),
        ('PYTHON=.venv/bin/python bash tools/dist_train.sh', parse),
        ("_base_ = ['configs/rsn/rsn50_coco-256x192.py']", config),
        ("_base_ = ['configs/_base_/schedule_paper.py']", config),
        ('Training rsn18_lsp-large-128x96', shown),
        ("_base_ = ['configs/rsn/rsn18_coco-256x192.py']", config),
        ('.venv/bin/python tools/train.py configs/rsn/rsn18-released_mpii-256x256.py', parse),
        ("_base_ = ['configs/rsn/rsn18-released_mpii-256x256.py']", config),
        ('.venv/bin/python tools/browse_dataset.py data/mice/mice.py', partial(run, before=mice)),
    ],
}


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_meets_its_rule(page, stage, capsys):
    blocks = blocks_of(page)
    rules = RULES.get(str(page.relative_to(ROOT)), [])
    found = [block.text.splitlines()[0] for block in blocks]
    expected = [start for start, _ in rules]
    assert len(found) == len(expected) and all(map(str.startswith, found, expected)), \
        f'the blocks of {page.name} are {found}, and RULES has {expected}'
    for block, (_, rule) in zip(blocks, rules):
        try:
            rule(stage, block, capsys)
        except Exception as error:
            raise AssertionError(f'{block}: {error}') from error


def test_every_rule_is_of_a_page():
    assert RULES.keys() <= {str(page.relative_to(ROOT)) for page in PAGES}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    text = outside_of_blocks(page)
    assert not re.findall(r'@[A-Z]+@', text)  # a place that was not filled in
    assert not re.findall(r'^\n {4}\S', text, re.M), 'an indented block, which no rule would see'
    for target in re.findall(r'\]\(([^)]+)\)', text):
        if '://' in target:
            continue
        file, _, heading = target.partition('#')
        path = page.parent / file if file else page
        assert path.exists(), target
        assert not heading or heading in anchors(path), target


def anchors(page: Path) -> set[str]:
    """Names of the headings of a page, as links spell them."""
    headings = re.findall(r'^#+ (.+)$', outside_of_blocks(page), re.M)
    return {re.sub(r'[^\w -]', '', heading.lower()).replace(' ', '-') for heading in headings}
