#!/usr/bin/env python
"""Draw what a network is trained or tested on: images, joints and target heatmaps."""

import argparse
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import KEYPOINT_CODECS

from rsn_mm.cli import common as cli
from rsn_mm.codecs.rsn_heatmap import HEATMAP_SCALE
from rsn_mm.datasets.checks import DataError, leaf_datasets, source_of, transforms_of
from rsn_mm.datasets.transforms import LoadVisibility

MODES = ('original', 'transformed', 'targets')
#: Color of a joint by its visibility flag, BGR.
FLAG_COLORS = {2: (80, 220, 60), 1: (0, 150, 255), 0: (160, 160, 160)}
LEGEND = {2: 'visible', 1: 'occluded', 0: 'not labeled'}
BOX_COLOR = (255, 200, 0)
LINK_COLOR = (230, 230, 230)
#: Pictures are enlarged to about this height, in pixels.
HEIGHT = 512
LEGEND_HEIGHT = 24


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Draw samples of a dataset with their joints and skeleton: visible joints '
        'green, occluded ones orange, unlabeled ones gray.')
    cli.add_config_options(parser)
    parser.add_argument('--phase', choices=('train', 'val', 'test'), default='train',
                        help='whose data and pipeline (default train)')
    parser.add_argument('--mode', choices=MODES, default='targets',
                        help='the image as it is; what the network sees; or that and the target '
                        'heatmaps of every level, the largest over the joints (default)')
    parser.add_argument('--number', type=int, default=20,
                        help='of samples, evenly spread over the data (default 20)')
    parser.add_argument('--out-dir', help='a new or empty folder (default browse/CONFIG)')
    parser.add_argument('--seed', type=int, default=0, help='of the augmentation (default 0)')
    return parser.parse_args()


def load_samples(dataset: BaseDataset, number: int) -> list[dict]:
    """Samples as they are before the pipeline."""
    count = min(number, len(dataset))
    return [dataset.get_data_info(int(i)) for i in np.linspace(0, len(dataset) - 1, count)]


def run_pipeline(dataset: BaseDataset, sample: dict, last: type) -> dict:
    """Run the dataset's transforms up to and with the first one of a class."""
    transforms = transforms_of(dataset)
    if getattr(dataset, 'bbox_file', None):  # MMPose fills in joints at 0, 0
        sample['keypoints_visible'] = np.zeros_like(sample['keypoints_visible'])
    elif not any(isinstance(t, LoadVisibility) for t in transforms):
        # Test pipelines have no need of the flags; pictures have.
        sample = LoadVisibility('coco' if 'raw_ann_info' in sample else 'binary')(sample)
    for transform in transforms:
        sample = transform(sample)
        if isinstance(transform, last):
            return sample
    raise DataError(f'{source_of(dataset)}: its pipeline has no {last.__name__}')


def draw_person(image: np.ndarray, sample: dict, joints: np.ndarray, scale: float) -> np.ndarray:
    """Enlarge an image and draw a person's joints (K, 2) in pixels of the image on it."""
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    flags = sample['keypoints_visible'][0].astype(int)
    # The center of a pixel stays the center of the enlarged pixel.
    points = np.rint((joints + 0.5) * scale - 0.5).astype(int).tolist()
    for start, end in sample['skeleton_links']:
        if flags[start] > 0 and flags[end] > 0:
            cv2.line(image, points[start], points[end], LINK_COLOR, 1, cv2.LINE_AA)
    # Where datasets have no position they write 0, 0.
    placed = sample['keypoints'][0].any(-1) | (flags > 0)
    for point, flag in zip(np.array(points)[placed].tolist(), flags[placed].tolist()):
        cv2.circle(image, point, 4, FLAG_COLORS[flag], -1 if flag else 1, cv2.LINE_AA)
    return image


def draw_box(image: np.ndarray, box_xyxy: np.ndarray, scale: float) -> None:
    """Draw a box in pixels of the image onto the enlarged image."""
    x1, y1, x2, y2 = np.rint(box_xyxy * scale).astype(int).tolist()
    cv2.rectangle(image, (x1, y1), (x2, y2), BOX_COLOR, 1, cv2.LINE_AA)


def target_heatmaps(cfg: Config, sample: dict) -> np.ndarray:
    """Targets (L, K, H, W) in 0..1, as the head draws them from the sample."""
    codec_cfg = cfg.model.get('head', {}).get('decoder')
    codec = codec_cfg and KEYPOINT_CODECS.build(codec_cfg)
    if not hasattr(codec, 'render'):
        raise DataError('--mode targets draws what the codec rsn_mm.RSNHeatmap of the head '
                        f'(decoder) renders; found {codec_cfg and codec_cfg.type!r}')
    return codec.render(sample['transformed_keypoints'].astype(np.float32),
                        sample['keypoints_visible'])[0] / HEATMAP_SCALE


def draw_targets(image: np.ndarray, heatmaps: np.ndarray) -> list[np.ndarray]:
    """One picture per level: the largest value over the joints on the enlarged, darkened image."""
    pictures = []
    for level, maps in enumerate(heatmaps):
        heat = cv2.resize(maps.max(0), image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        colored = cv2.applyColorMap(np.rint(heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
        picture = np.rint(0.35 * image * (1 - heat[..., None])
                          + colored * np.maximum(heat, 0.15)[..., None])
        pictures.append(with_caption(picture.clip(0, 255).astype(np.uint8), f'level {level}'))
    return pictures


def with_caption(image: np.ndarray, text: str = '') -> np.ndarray:
    """An image with a line of text under it; without a text the legend of the flags."""
    band = np.zeros((LEGEND_HEIGHT, image.shape[1], 3), np.uint8)
    parts = [(text, (255, 255, 255))] if text else [
        (LEGEND[flag], color) for flag, color in FLAG_COLORS.items()]
    x = 6
    for part, color in parts:
        cv2.putText(band, part, (x, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
        x += cv2.getTextSize(part, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)[0][0] + 12
    return np.concatenate((image, band))


def draw(cfg: Config, dataset: BaseDataset, sample: dict, mode: str) -> np.ndarray:
    """The picture of a sample, which is as it was before the pipeline."""
    if mode == 'original':
        sample = run_pipeline(dataset, sample, LoadImageFromFile)
        scale = HEIGHT / sample['img'].shape[0]
        image = draw_person(sample['img'], sample, sample['keypoints'][0], scale)
        draw_box(image, sample['bbox'][0], scale)
        return with_caption(image)
    sample = run_pipeline(dataset, sample, TopdownAffine)
    image, scale = sample['img'], HEIGHT / sample['img'].shape[0]
    joints = draw_person(image, sample, sample['transformed_keypoints'][0], scale)
    panels = [with_caption(joints)]
    if mode == 'targets':
        panels += draw_targets(cv2.resize(image, joints.shape[1::-1]), target_heatmaps(cfg, sample))
    return np.concatenate(panels, axis=1)


def main() -> None:
    args = parse_args()
    with cli.clear_errors():
        cfg = cli.load_config(args.config, args.cfg_options)
        out_dir = Path(args.out_dir or Path('browse', Path(args.config).stem))
        if out_dir.is_dir() and any(out_dir.iterdir()):
            raise cli.CommandError(f'{out_dir} holds files already: choose another --out-dir')
        if args.number < 1:
            raise cli.CommandError(f'--number {args.number}: expected 1 or more')
        loader = cfg.get(f'{args.phase}_dataloader')
        if loader is None:
            raise cli.CommandError(f'{args.config} has no {args.phase}_dataloader')
        np.random.seed(args.seed)
        init_default_scope(cfg.get('default_scope') or 'mmpose')
        datasets = list(leaf_datasets(cli.build_dataset(loader.dataset)))
        out_dir.mkdir(parents=True, exist_ok=True)
        written = 0
        for dataset in datasets:
            for sample in load_samples(dataset, args.number):
                name = f'{written:05d}_{Path(sample["img_path"]).stem}_{sample.get("id")}.jpg'
                cv2.imwrite(str(out_dir / name), draw(cfg, dataset, sample, args.mode))
                written += 1
        print(f'{written} pictures in {out_dir}')


if __name__ == '__main__':
    main()
