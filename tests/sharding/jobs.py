"""A small network, images and manifests for tests of shards."""

import json
from pathlib import Path

from rsn_mm.sharding import ShardSettings
from tests.tools.tiny_run import write_run, write_weights

IMAGES = 10


def write_job(folder: Path) -> Path:
    """Draw images, and write a network and the manifest of ten images; returns the manifest."""
    write_weights(write_run(folder))
    rows = [dict(id=f'id{i}', path=f'{i:03d}.png',
                 boxes=[[5 + n + i, 3, 70, 60, 0.5] for n in range(i % 3)])
            for i in range(1, IMAGES + 1)]
    return write_manifest(folder / 'manifest.jsonl', rows)


def write_manifest(path: Path, rows: list[dict]) -> Path:
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return path


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def settings_of(folder: Path, **changes) -> ShardSettings:
    return ShardSettings(str(folder / 'tiny.py'), str(folder / 'tiny.pth'),
                         **{'device': 'cpu', 'batch_size': 2, **changes})
