"""The config of a training on little data: its length, its input size and its text."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from .content import Labels, SizeWH

#: Iterations of a training, and images in each (``train_dataloader.batch_size`` of the base).
ITERATIONS, BATCH_SIZE = 1500, 8
FEWEST_EPOCHS, MOST_EPOCHS = 10, 300
#: Evaluations during a training.
EVALUATIONS = 10
#: Input sizes (W, H) by the shape of the boxes.
LANDSCAPE, SQUARE, PORTRAIT = (128, 96), (128, 128), (96, 128)
#: Boxes whose width is within this factor of their height count as square.
ABOUT_SQUARE = 1.2
BASE = Path('configs', '_base_', 'small_data.py')

TEXT = '''\
# {title}
_base_ = [{base!r}, './metainfo.py']

# -- set here, and followed below ---------------------------------------------------------------
input_size = {input_size}  # width, height
num_joints = {num_joints}
max_epochs, interval = {max_epochs}, {interval}  # evaluated every `interval` epochs

# -- what follows -------------------------------------------------------------------------------
codec = dict(type='rsn_mm.RSNHeatmap', input_size=input_size)
model = dict(head=dict(out_channels=num_joints, decoder=codec))
train_cfg = dict(max_epochs=max_epochs, val_interval=interval)
default_hooks = dict(checkpoint=dict(interval=interval))
cut_out = dict(type='TopdownAffine', input_size=input_size)
train_pipeline = [
    *_base_.{augmentation}, cut_out, dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs')]
val_pipeline = [*_base_.{test_box}, cut_out, dict(type='PackPoseInputs')]

# -- data ---------------------------------------------------------------------------------------
{whole_image}data = dict(
    data_root='{{{{ fileDirname }}}}/', data_prefix=dict(img={prefix!r}),
    metainfo=_base_.dataset_info)
train_dataloader = dict(dataset=dict(ann_file='train.json', pipeline=train_pipeline, **data))
val_dataloader = dict(dataset=dict(ann_file='val.json', pipeline=val_pipeline, **data))
{test}
'''
WHOLE_IMAGE = 'whole_image = True  # boxes are whole images, in prediction too\n'
TEST = ("test_dataloader = dict(dataset=dict(ann_file='test.json', pipeline=val_pipeline, "
        '**data))')


def epochs_for(num_samples: int) -> int:
    """The length of a training on a number of samples, so that it has :data:`ITERATIONS`."""
    return min(max(round(ITERATIONS / math.ceil(num_samples / BATCH_SIZE)), FEWEST_EPOCHS),
               MOST_EPOCHS)


def input_size_for(labels: Labels) -> SizeWH:
    """The input size (W, H) that suits the shape of most boxes."""
    ratios = sorted(instance.box_xywh[2] / instance.box_xywh[3] for instance in labels.instances
                    if instance.box_xywh is not None)
    ratio = ratios[len(ratios) // 2]
    if ratio > ABOUT_SQUARE:
        return LANDSCAPE
    return PORTRAIT if ratio < 1 / ABOUT_SQUARE else SQUARE


def base_from(folder: Path) -> str:
    """How a config in a folder names the base: by its path, or in the installed package."""
    base = Path(__file__).resolve().parents[2] / BASE
    if not base.is_file():
        return f'rsn_mm::{BASE.relative_to("configs").as_posix()}'
    return Path(os.path.relpath(base, folder.resolve())).as_posix()


def config_text(name: str, folder: Path, prefix: str, joints: Sequence[str], num_samples: int,
                input_size: SizeWH, max_epochs: int, whole_image: bool, has_test: bool) -> str:
    """The config of a training.

    Args:
        name: Name of the data set.
        folder: Where the config will lie, beside the annotation files.
        prefix: Folder of the images, from there.
        joints: Names of the joints.
        num_samples: Number of samples to train on.
        input_size: (W, H) in pixels.
        max_epochs: Length.
        whole_image: Whether boxes are whole images.
        has_test: Whether there are samples to test on besides those for validation.
    """
    parts = ('image_augmentation', 'image_box') if whole_image else ('augmentation', 'test_box')
    return TEXT.format(
        title=f'RSN-18 on {name}: {len(joints)} joints, {num_samples} samples to train on.',
        base=base_from(folder), input_size=tuple(input_size), num_joints=len(joints),
        max_epochs=max_epochs, interval=max(1, max_epochs // EVALUATIONS), augmentation=parts[0],
        test_box=parts[1], whole_image=WHOLE_IMAGE if whole_image else '', prefix=prefix,
        test=TEST if has_test else 'test_dataloader = val_dataloader')
