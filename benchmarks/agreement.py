"""Compares exported networks with torch, in every runtime: `python benchmarks/agreement.py`.

The weights are random. The table in docs/deployment.md was written by it.
"""

import tempfile
from itertools import cycle
from pathlib import Path

import rsn_mm  # noqa: F401

# isort: split
import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from rsn_mm.export import export_onnx
from rsn_mm.export.network import ExportedNetwork
from rsn_mm.export.sessions import SESSIONS, open_session

NETWORKS = {
    'RSN-18': dict(depth=18),
    '2xRSN-18 with PRM': dict(depth=18, num_stages=2),
    'RSN-50': dict(depth=50),
    'MSPN-50': dict(depth=50, unit='bottleneck'),
}
SIZES_WH = ((192, 256), (288, 384))
BATCHES = (1, 3, 16)
#: Numbers of joints, which take turns.
JOINTS = (17, 16, 4)


def build(joints: int, size_wh: tuple[int, int], backbone: dict):
    """An estimator with random weights."""
    stages = backbone.get('num_stages', 1)
    torch.manual_seed(0)
    model = MODELS.build(dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(type='PoseDataPreprocessor', mean=[103.53, 116.28, 123.675],
                               std=[57.375, 57.12, 58.395]),
        backbone=dict(type='rsn_mm.RSN', **backbone),
        head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=stages, out_channels=joints,
                  prm=dict(position='feature') if stages > 1 else None,
                  loss=dict(topk=min(8, joints)),
                  decoder=dict(type='rsn_mm.RSNHeatmap', input_size=size_wh)))).eval()
    model.dataset_meta = dict(
        keypoint_id2name={i: str(i) for i in range(joints)}, skeleton_links=[],
        flip_indices=[i ^ 1 if i ^ 1 < joints else i for i in range(joints)])
    return model


def compare(name: str, joints: int, size_wh: tuple[int, int], flip_test: bool,
            folder: Path) -> None:
    """Print a row for each runtime: the largest differences over all batch sizes."""
    model = build(joints, size_wh, NETWORKS[name])
    indices = model.dataset_meta['flip_indices'] if flip_test else None
    maps = ExportedNetwork(model, output='heatmaps', flip_indices=indices).eval()
    paths = {output: folder / f'{output}.onnx' for output in ('keypoints', 'heatmaps')}
    for output, path in paths.items():
        export_onnx(model, path, output=output, flip_test=flip_test, overwrite=True)
    expected = []
    with torch.inference_mode():
        for batch in BATCHES:
            images = maps.example(batch)
            heatmaps = maps(images)
            expected.append((images.numpy(), heatmaps.numpy(),
                             maps.codec.locate(heatmaps)[0].numpy()))
    for runtime in SESSIONS:
        sessions = {output: open_session(path, runtime) for output, path in paths.items()}
        pixels, relative = [], []
        for images, heatmaps, keypoints in expected:
            found = sessions['keypoints'](images)['keypoints']
            pixels.append(np.abs(found - keypoints).max())
            found = sessions['heatmaps'](images)['heatmaps']
            relative.append(np.abs(found - heatmaps).max() / np.abs(heatmaps).max())
        print(f'| {name} | {size_wh[1]}x{size_wh[0]} | {joints} | {"yes" if flip_test else "no"} | '
              f'{runtime} | {max(pixels):.5f} | {max(relative):.1e} |', flush=True)


def main() -> None:
    """Print the table in Markdown."""
    init_default_scope('mmpose')
    print('| network | input | joints | flip test | runtime | keypoints, px | heatmaps, relative |')
    print('|---|---|---|---|---|---|---|')
    joints = cycle(JOINTS)
    with tempfile.TemporaryDirectory() as folder:
        for name in NETWORKS:
            for size_wh in SIZES_WH:
                for flip_test in (False, True):
                    compare(name, next(joints), size_wh, flip_test, Path(folder))


if __name__ == '__main__':
    main()
