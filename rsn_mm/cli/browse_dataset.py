"""Draw what a network is trained or tested on: images, joints and target heatmaps."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import KEYPOINT_CODECS

from rsn_mm.codecs.rsn_heatmap import HEATMAP_SCALE
from rsn_mm.datasets.checks import keyed_leaf_datasets, source_of, transforms_of
from rsn_mm.datasets.running_transforms import run_transforms
from rsn_mm.datasets.transforms import LoadVisibility
from rsn_mm.errors import CommandError, DataError
from rsn_mm.files import make_folder, name_part, write_picture

from .configs import load_config
from .options import add_config_options
from .running import build_dataset, run_command
from .sample_pictures import draw_box, draw_person, draw_targets, with_caption

MODES = ('original', 'transformed', 'targets')
#: Pictures are enlarged to about this height, in pixels.
HEIGHT = 512


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description='Draw samples of a dataset with joints, their names and skeleton: visible '
        'joints green, occluded ones orange, unlabeled ones gray.')
    add_config_options(parser)
    parser.add_argument('--phase', choices=('train', 'val', 'test'), default='train',
                        help='which data and pipeline (default train)')
    parser.add_argument('--mode', choices=MODES, default='targets',
                        help='original: the image as it is; transformed: what the network sees; '
                        'targets: also the target heatmaps of every level, as their maximum over '
                        'the joints (default)')
    parser.add_argument('--number', type=int, default=20,
                        help='how many samples, evenly spread over the data (default 20)')
    parser.add_argument('--out-dir', help='folder of the pictures, new or empty (default '
                        'browse/CONFIG)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the augmentation (default 0)')
    return parser


def load_samples(dataset: BaseDataset, number: int) -> list[dict]:
    """Samples as they are before the pipeline."""
    count = min(number, len(dataset))
    return [dataset.get_data_info(int(i)) for i in np.linspace(0, len(dataset) - 1, count)]


def run_pipeline(dataset: BaseDataset, sample: dict, last: type, key: str) -> dict:
    """Run the dataset's transforms, which have this key, up to and with the first of a class."""
    transforms = transforms_of(dataset)
    if getattr(dataset, 'bbox_file', None):  # MMPose puts the joints of detections at 0, 0
        sample['keypoints_visible'] = np.zeros_like(sample['keypoints_visible'])
    elif not any(isinstance(t, LoadVisibility) for t in transforms):
        # Test pipelines do without the flags, but pictures need them.
        sample = LoadVisibility('coco' if 'raw_ann_info' in sample else 'binary')(sample)
    for transform, result in zip(transforms, run_transforms(transforms, sample, key)):
        if isinstance(transform, last):
            return result
    raise DataError(f'{source_of(dataset)}: its pipeline has no {last.__name__}')


def target_heatmaps(cfg: Config, sample: dict) -> np.ndarray:
    """Targets (L, K, H, W) in 0..1, as the head draws them from the sample."""
    codec_cfg = cfg.model.get('head', {}).get('decoder')
    codec = codec_cfg and KEYPOINT_CODECS.build(codec_cfg)
    if not hasattr(codec, 'render'):
        raise DataError('--mode targets draws what the codec rsn_mm.RSNHeatmap of the head '
                        f'(decoder) renders; found {codec_cfg and codec_cfg.type!r}')
    return codec.render(sample['transformed_keypoints'].astype(np.float32),
                        sample['keypoints_visible'])[0] / HEATMAP_SCALE


def names_of(dataset: BaseDataset) -> list[str]:
    """The names of the joints, in their order."""
    names = dataset.metainfo.get('keypoint_id2name', {})
    return [names[i] for i in sorted(names)]


def draw(cfg: Config, dataset: BaseDataset, sample: dict, mode: str, key: str) -> np.ndarray:
    """The picture of a sample, which is as it was before the pipeline with this key."""
    if mode == 'original':
        sample = run_pipeline(dataset, sample, LoadImageFromFile, key)
        scale = HEIGHT / sample['img'].shape[0]
        image = draw_person(sample['img'], sample, sample['keypoints'][0], scale,
                            names_of(dataset))
        draw_box(image, sample['bbox'][0], scale)
        return with_caption(image)
    sample = run_pipeline(dataset, sample, TopdownAffine, key)
    image, scale = sample['img'], HEIGHT / sample['img'].shape[0]
    joints = draw_person(image, sample, sample['transformed_keypoints'][0], scale,
                         names_of(dataset))
    panels = [with_caption(joints)]
    if mode == 'targets':
        panels += draw_targets(cv2.resize(image, joints.shape[1::-1]), target_heatmaps(cfg, sample))
    return np.concatenate(panels, axis=1)


def browse_dataset(args: argparse.Namespace) -> None:
    """Draw samples of a dataset of the config."""
    cfg = load_config(args.config, args.cfg_options)
    out_dir = Path(args.out_dir or Path('browse', Path(args.config).stem))
    if out_dir.is_dir() and any(out_dir.iterdir()):
        raise CommandError(f'{out_dir} holds files already: choose another --out-dir')
    make_folder(out_dir, '--out-dir')  # before anything is computed
    if args.number < 1:
        raise CommandError(f'--number {args.number}: expected 1 or more')
    loader = cfg.get(f'{args.phase}_dataloader')
    if loader is None:
        raise CommandError(f'{args.config} has no {args.phase}_dataloader')
    np.random.seed(args.seed)
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    whole = build_dataset(cfg, args.phase)
    written = 0
    for dataset, key in keyed_leaf_datasets(whole, f'{args.phase}_dataloader.dataset'):
        for sample in load_samples(dataset, args.number):
            part = name_part(sample.get('id'), written)
            path = out_dir / f'{written:05d}_{Path(sample["img_path"]).stem}_{part}.jpg'
            write_picture(path, draw(cfg, dataset, sample, args.mode,
                                      f'{key}.pipeline'))
            written += 1
    print(f'{written} pictures in {out_dir}')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = build_parser()
    run_command(browse_dataset, parser.parse_args(argv), parser.prog)
