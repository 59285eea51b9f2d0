"""Every row of the RSN paper's tables that is about a network built here has a config.

The figures are typed from the paper, row by row, and have to be found in the metafiles. Rows that
other people's papers report (CPN, HRNet, SimpleBaseline, MSPN with extra data, ...) are left out:
nothing here builds these systems.
"""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SMALL, LARGE = 'coco-256x192', 'coco-384x288'


def entries() -> dict[str, dict]:
    """Entries of all metafiles, by the path of the config below configs/, without ``.py``."""
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    return {model['Config'].removeprefix('configs/').removesuffix('.py'): model for path in index
            for model in yaml.safe_load((ROOT / path).read_text())['Models']}


# Table, what the paper calls the network, AP, GFLOPs (None where the table has none), and config.
VAL = [
    (3, 'ResNet-18', 70.7, 2.3, f'ablation/resnet18_{SMALL}'),
    (3, 'Res2Net-18', 71.3, 2.2, f'ablation/res2net18_{SMALL}'),
    (3, 'RSN-18', 73.6, 2.5, f'rsn/rsn18-paper-recipe_{SMALL}'),
    (3, 'ResNet-50', 72.2, 4.6, f'mspn/mspn50_{SMALL}'),
    (3, 'Res2Net-50', 72.8, 4.5, f'ablation/res2net50_{SMALL}'),
    (3, 'RSN-50', 74.7, 6.4, f'rsn/rsn50-paper-recipe_{SMALL}'),
    (3, 'ResNet-101', 73.2, 7.5, f'ablation/resnet101_{SMALL}'),
    (3, 'Res2Net-101', 73.9, 7.5, f'ablation/res2net101_{SMALL}'),
    (3, 'RSN-101', 75.8, 11.5, f'rsn/rsn101_{SMALL}'),
    (3, '4xResNet-50', 76.8, 20.6, f'mspn/mspn50x4_{SMALL}'),
    (3, '4xRes2Net-50', 77.0, 20.1, f'ablation/res2net50x4_{SMALL}'),
    (3, '4xRSN-50', 78.6, 27.5, f'rsn/rsn50x4-paper-recipe_{SMALL}'),
    (3, '4xResNet-50, 384x288', 77.5, 46.4, f'mspn/mspn50x4_{LARGE}'),
    (3, '4xRes2Net-50, 384x288', 77.6, 45.2, f'ablation/res2net50x4_{LARGE}'),
    (3, '4xRSN-50, 384x288', 79.2, 61.9, f'rsn/rsn50x4-paper-recipe_{LARGE}'),
    (4, 'RSN-18, 2 branches', 73.1, None, f'ablation/rsn18-2branch_{SMALL}'),
    (4, 'RSN-18, 3 branches', 73.0, None, f'ablation/rsn18-3branch_{SMALL}'),
    (4, 'RSN-18, 4 branches', 73.6, None, f'rsn/rsn18-paper-recipe_{SMALL}'),
    (4, 'RSN-18, 5 branches', 73.2, None, f'ablation/rsn18-5branch_{SMALL}'),
    (4, 'RSN-18, 6 branches', 72.9, None, f'ablation/rsn18-6branch_{SMALL}'),
    (4, 'RSN-50, 2 branches', 73.9, None, f'ablation/rsn50-2branch_{SMALL}'),
    (4, 'RSN-50, 3 branches', 74.2, None, f'ablation/rsn50-3branch_{SMALL}'),
    (4, 'RSN-50, 4 branches', 74.7, None, f'rsn/rsn50-paper-recipe_{SMALL}'),
    (4, 'RSN-50, 5 branches', 74.3, None, f'ablation/rsn50-5branch_{SMALL}'),
    (4, 'RSN-50, 6 branches', 74.0, None, f'ablation/rsn50-6branch_{SMALL}'),
    (5, 'ResNet-18', 70.7, 2.3, f'ablation/resnet18_{SMALL}'),
    (5, 'ResNet-18, PRM', 72.2, 4.1, f'ablation/resnet18-prm_{SMALL}'),
    (5, 'ResNet-50', 72.2, 4.6, f'mspn/mspn50_{SMALL}'),
    (5, 'ResNet-50, PRM', 73.4, 6.4, f'ablation/resnet50-prm_{SMALL}'),
    (5, '4xResNet-50', 76.8, 20.6, f'mspn/mspn50x4_{SMALL}'),
    (5, '4xResNet-50, PRM', 77.2, 22.4, f'ablation/resnet50x4-prm_{SMALL}'),
    (5, '4xRSN-50', 78.6, 27.5, f'rsn/rsn50x4-paper-recipe_{SMALL}'),
    (5, '4xRSN-50, PRM', 79.0, 29.3, f'rsn/rsn50x4-prm-paper-recipe_{SMALL}'),
]


def found(config: str, dataset: str, source: str) -> tuple[dict, dict]:
    """The metadata of a config and its metrics on a dataset that come from a source."""
    entry = entries()[config]
    results = [result for result in entry.get('Results', [])
               if result['Dataset'] == dataset and re.search(source, result['Source'])]
    assert len(results) == 1, (config, dataset, source)
    return entry['Metadata'], results[0]['Metrics']


@pytest.mark.parametrize('table, network, ap, gflops, config', VAL,
                         ids=[f'{row[0]}-{row[1]}' for row in VAL])
def test_rows_on_coco_val(table, network, ap, gflops, config):
    metadata, metrics = found(config, 'COCO', rf'RSN paper, Tables? [\d and]*\b{table}\b')
    assert metrics['AP'] == pytest.approx(ap / 100)
    if gflops is not None:
        assert metadata['Paper GFLOPs'] == gflops


# Table 6, the RSN rows, and Table 7: AP, AP at 0.5 and 0.75, of medium and large persons, AR.
@pytest.mark.parametrize('dataset, table, config, gflops, figures', [
    ('test-dev', 6, f'rsn/rsn18-paper-recipe_{SMALL}', 2.5, (71.6, 92.6, 80.3, 68.8, 75.8, 77.7)),
    ('test-dev', 6, f'rsn/rsn50-paper-recipe_{SMALL}', 6.4, (72.5, 93.0, 81.3, 69.9, 76.5, 78.8)),
    ('test-dev', 6, f'rsn/rsn50x2_{SMALL}', 13.9, (75.5, 93.6, 84.0, 73.0, 79.6, 81.3)),
    ('test-dev', 6, f'rsn/rsn50x4-prm-paper-recipe_{SMALL}', 29.3,
     (78.0, 94.2, 86.5, 75.3, 82.2, 83.4)),
    ('test-dev', 6, f'rsn/rsn50x4-prm-paper-recipe_{LARGE}', 65.9,
     (78.6, 94.3, 86.6, 75.5, 83.3, 83.8)),
    ('test-dev', 6, 'rsn/rsn50x4-ensemble_coco', None, (79.2, 94.4, 87.1, 76.1, 83.8, 84.1)),
    ('test-challenge', 7, 'rsn/rsn50x4-ensemble_coco', None, (77.1, 93.3, 83.6, 72.2, 83.6, 82.6)),
])
def test_rows_on_the_test_sets(dataset, table, config, gflops, figures):
    metadata, metrics = found(config, f'COCO {dataset}', f'RSN paper, Table {table}')
    names = ('AP', 'AP@0.5', 'AP@0.75', 'AP (M)', 'AP (L)', 'AR')
    assert metrics == pytest.approx({name: ap / 100 for name, ap in zip(names, figures)})
    assert metadata.get('Paper GFLOPs') == gflops


def test_the_row_on_mpii():
    """Table 8, by joint."""
    _, metrics = found('rsn/rsn50x4_mpii-256x256', 'MPII test', 'RSN paper, Table 8')
    assert list(metrics.values()) == pytest.approx(
        [.985, .973, .939, .899, .920, .906, .868, .930])


def test_every_figure_of_the_paper_is_a_row():
    """No metafile claims a row of a table that is not listed above."""
    listed = {(f'Table {table}', config) for table, *_, config in VAL}
    for config, entry in entries().items():
        for result in entry.get('Results', []):
            if result['Dataset'] == 'COCO' and result['Source'].startswith('RSN paper'):
                tables = re.findall(r'\d', result['Source'])
                assert tables and all((f'Table {table}', config) in listed for table in tables)
    assert [sum(row[0] == table for row in VAL) for table in (3, 4, 5)] == [15, 10, 8]


def test_figures_stand_with_the_recipe_that_reached_them():
    configs = entries()
    assert sum('-paper-recipe' in config for config in configs) == 6
    for config, entry in configs.items():
        for result in entry.get('Results', []):
            recipe = result['Recipe']
            if '-paper-recipe' in config:
                assert recipe == 'paper'
            elif recipe == 'paper':  # only where no config trains this network by that recipe
                name, _, data = config.rpartition('_')
                assert f'{name}-paper-recipe_{data}' not in configs
            # "from ImageNet" is claimed for weights or configs that start from it
            if 'ImageNet' in recipe:
                assert '-imagenet' in config or '-mmpose' in config
            if '-imagenet' in config:
                assert recipe == 'MSPN paper, from ImageNet'
                assert 'ImageNet' in entry['Metadata']['Training Data']


# MSPN's figures (its paper's) and those of released or converted weights.
@pytest.mark.parametrize('config, dataset, metric, value', [
    (f'mspn/mspn50-imagenet_{SMALL}', 'COCO', 'AP', 71.5),
    (f'mspn/mspn50x2-imagenet_{SMALL}', 'COCO', 'AP', 74.5),
    (f'mspn/mspn50x3-imagenet_{SMALL}', 'COCO', 'AP', 75.2),
    (f'mspn/mspn50x4-imagenet_{SMALL}', 'COCO', 'AP', 75.9),
    (f'mspn/mspn50x4-imagenet_{LARGE}', 'COCO test-dev', 'AP', 76.1),
    ('mspn/mspn50x4-imagenet_mpii-256x256', 'MPII', 'Mean@0.5', 91.1),
    ('mspn/mspn50x4-imagenet_mpii-256x256', 'MPII test', 'Mean@0.5', 92.6),
    (f'rsn/rsn18-released_{SMALL}', 'COCO', 'AP', 70.4),
    (f'rsn/resnet18-released_{SMALL}', 'COCO', 'AP', 65.2),
    (f'rsn/rsn18-mmpose_{SMALL}', 'COCO', 'AP', 70.4),
    (f'ablation/rsn18-baseline1_{SMALL}', 'COCO', 'AP', 72.9),
    (f'ablation/rsn18-baseline2_{SMALL}', 'COCO', 'AP', 72.1),
    (f'ablation/rsn50-baseline1_{SMALL}', 'COCO', 'AP', 73.7),
    (f'ablation/rsn50-baseline2_{SMALL}', 'COCO', 'AP', 72.7),
])
def test_other_reported_figures(config, dataset, metric, value):
    _, metrics = found(config, dataset, '')
    assert metrics[metric] == pytest.approx(value / 100)


def test_measured_detections_are_told_apart():
    """Released code and MMPose tested on the boxes of different detectors."""
    boxes = {config: {result.get('Detections', '')[:7] for result in entry.get('Results', [])}
             for config, entry in entries().items()}
    for name in ('rsn18', 'resnet18'):
        assert boxes[f'rsn/{name}-released_{SMALL}'] == {'49.4 AP'}
    zoo = [found for config, found in boxes.items() if '-mmpose' in config]
    assert len(zoo) == 8 and all(found == {'56.4 AP'} for found in zoo)
