"""How large a network is: parameters, and multiply-adds of its convolutions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from rsn_mm.configuration import find_config
from rsn_mm.configuration.building import explained, naming_part
from rsn_mm.errors import OptionError
from rsn_mm.models import MultiStageRSNHead
from rsn_mm.models.decoder import ResizedConv, resize

#: The papers' "GFLOPs" are multiply-adds in units of 2^30.
GIGA = 2**30


@dataclass(frozen=True)
class Complexity:
    """Size of a network for one image.

    Args:
        input_size_wh: Of the image, in pixels; of an ensemble, the largest.
        params: Number of parameters.
        gflops: Of testing: of a multi-stage head only the last heatmaps, and the decoder's 1x1
            convolutions behind their resize, as the papers count.
        gflops_all_heads: Of all heatmaps, as in training.
        prm_gflops: What of ``gflops`` the Pose Refine Machine, or the attention in its place, adds.

    Example:
        >>> from mmengine.config import Config
        >>> size = rsn_mm.apis.measure(Config(dict(model=dict(
        ...     type='TopdownPoseEstimator', backbone=dict(type='rsn_mm.RSN', depth=18),
        ...     head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=1, out_channels=17,
        ...               decoder=dict(type='rsn_mm.RSNHeatmap', input_size=(192, 256)))))))
        >>> size.input_size_wh, round(size.gflops, 1), round(size.params / 1e6, 1)
        ((192, 256), 2.4, 13.4)
    """

    input_size_wh: tuple[int, int]
    params: int
    gflops: float
    gflops_all_heads: float
    prm_gflops: float


def measure(cfg: Config, input_size_wh: tuple[int, int] | None = None) -> Complexity:
    """Count the network of a config, without computing or allocating anything.

    Args:
        cfg: Config of a pose estimator, of an ensemble (the sum of its members), or of any model
            of mmpose or mmdet whose ``forward`` has a mode ``'tensor'``.
        input_size_wh: By default that of the head's codec.

    Raises:
        OptionError: If no input size is given and the model has no codec that tells one, or one is
            given to an ensemble.
    """
    init_default_scope(cfg.get('default_scope') or 'mmpose')
    if 'members' in cfg.model:
        if input_size_wh is not None:
            raise OptionError('the members of an ensemble have input sizes of their own')
        return _sum([measure(Config.fromfile(find_config(member.config)))
                     for member in cfg.model.members])
    with explained(cfg):
        model = _build(cfg.model)
    codec = getattr(getattr(model, 'head', None), 'decoder', None)
    size_wh = input_size_wh or getattr(codec, 'input_size', None)
    if size_wh is None:
        raise OptionError('the model has no codec that tells the input size')
    params = sum(p.numel() for p in model.parameters())
    with naming_part(model, f'an image of {size_wh[0]} x {size_wh[1]} pixels'):
        tested, all_heads = _count(model, size_wh)
    without_prm = tested
    if cfg.model.get('head', {}).get('prm'):
        plain = Config(dict(model=cfg.model)).copy()
        plain.model.head.prm = None
        without_prm, _ = _count(_build(plain.model), size_wh)
    return Complexity(tuple(size_wh), params, tested, all_heads, tested - without_prm)


def _sum(sizes: list[Complexity]) -> Complexity:
    totals = {field.name: sum(getattr(size, field.name) for size in sizes)
              for field in fields(Complexity) if field.name != 'input_size_wh'}
    return Complexity(max(size.input_size_wh for size in sizes), **totals)


def _build(model_cfg: dict) -> nn.Module:
    with torch.device('meta'):
        return MODELS.build(model_cfg).eval()


def _count(model: Any, size_wh: tuple[int, int]) -> tuple[float, float]:
    """GFLOPs as tested, and with all heads."""
    _drop_norms(model)
    for module in model.modules():
        if isinstance(module, ResizedConv):
            setattr(module, 'forward', partial(_resize_first, module))  # noqa: B010
    image = torch.empty(1, 3, *size_wh[::-1], device='meta')
    head = getattr(model, 'head', None)
    if not isinstance(head, MultiStageRSNHead):
        gflops, _ = _run(lambda: model(image, None, mode='tensor'))
        return gflops, gflops
    gflops, features = _run(lambda: model.extract_feat(image))
    return (gflops + _run(lambda: head.forward_last(features))[0],
            gflops + _run(lambda: head(features))[0])


def _drop_norms(model: nn.Module) -> None:
    """They hold no convolution, and take most of the time on the meta device."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                setattr(module, name, nn.Identity())


def _resize_first(module: ResizedConv, x: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
    """What the papers draw and count; here the convolution comes first, on fewer cells."""
    return module.conv(resize(x, size_hw))


@torch.no_grad()
def _run(forward: Callable[[], Any]) -> tuple[float, Any]:
    """GFLOPs of a call, and what it returns."""
    with FlopCounterMode(display=False) as counter:
        result = forward()
    # torch counts multiplications and additions apart.
    return counter.get_flop_counts()['Global'].get(torch.ops.aten.convolution, 0) / 2 / GIGA, result
