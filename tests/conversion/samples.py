"""Estimators, state dicts without memory, and the config a conversion names."""

import argparse
import json
from functools import cache
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmpose.models import build_pose_estimator
from torch import Tensor, nn

from rsn_mm.cli.configs import load_config
from rsn_mm.cli.options import add_config_options
from tests import golden

ROOT = Path(__file__).parents[2]


def mmpose_config(name: str) -> Config:
    """A config that MMPose ships."""
    import mmpose
    return Config.fromfile(
        Path(mmpose.__file__).parent / '.mim/configs/body_2d_keypoint/topdown_heatmap/coco'
        / f'td-hm_{name}_8xb32-210e_coco-256x192.py')


def named_config(info: dict) -> Config:
    """The config of a conversion, its options given as on a command line."""
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    words = [str(ROOT / info['config'])]
    if info['cfg_options']:
        words += ['--cfg-options', *info['cfg_options']]
    args = parser.parse_args(words)
    return load_config(args.config, args.cfg_options)


def build(cfg: Config, device: str = 'cpu') -> nn.Module:
    """The estimator of a config, for testing."""
    init_default_scope('mmpose')
    model = cfg.model.copy()
    model['backbone'].pop('init_cfg', None)  # no download
    with torch.device(device):
        if device == 'meta':
            # Not the estimator itself: its preprocessor needs values.
            return nn.ModuleDict({k: MODELS.build(model[k]) for k in ('backbone', 'head')})
        return build_pose_estimator(model).eval()


def randomize(model: nn.Module, seed: int = 0) -> nn.Module:
    """Random norms too, so that a missing or swapped one shows."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if name.endswith('num_batches_tracked'):
            tensor.fill_(3)
        elif name.endswith('running_var') or (tensor.ndim == 1 and name.endswith('weight')):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim == 1:
            tensor.normal_(0, 0.1, generator=generator)
        else:
            tensor.normal_(0, (2 / tensor[0].numel())**0.5, generator=generator)
    return model


@cache
def released_shapes(name: str) -> dict[str, list[int]]:
    """Shapes of a released network, as its golden numbers tell."""
    return json.loads((golden.DATA / f'reference_{name}_state_dict.json').read_text())


def released(name: str) -> dict[str, Tensor]:
    """A released state dict that takes no memory."""
    return hollow(released_shapes(name))


def hollow(shapes: dict) -> dict[str, Tensor]:
    return {key: torch.zeros(1, dtype=torch.int64 if key.endswith('tracked') else torch.float32)
            .expand(*shape) if len(shape) else torch.tensor(1)
            for key, shape in shapes.items()}
