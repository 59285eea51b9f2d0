"""From the feature of one unit to its heatmaps, with or without attention."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import MODELS

from ..decoder import resize
from ..layers import conv_norm

#: Where a predictor can have attention.
PRM_POSITIONS = ('feature', 'heatmap')
#: Kinds of attention in this package.
ATTENTIONS = ('PoseRefineMachine', 'SE', 'CBAM')


class HeatmapPredictor(BaseModule):
    """A 1x1 and a 3x3 convolution, and a resize to the heatmap's size.

    Args:
        in_channels: Channels of the feature.
        out_channels: Number of joints.
        heatmap_size: (W, H).
        norm_cfg: Normalization of every layer; ``None`` for none.
        prm: Config of a Pose Refine Machine or of another attention, with its ``position``. At
            ``'feature'`` it replaces the 1x1 convolution, at ``'heatmap'`` it follows the resize.
    """

    def __init__(self, in_channels: int, out_channels: int, heatmap_size: Sequence[int],
                 norm_cfg: dict | None, prm: dict | None = None) -> None:
        super().__init__()
        options = {'norm_cfg': norm_cfg, **(prm or {})}
        position = options.pop('position', None)
        if prm is not None and position not in PRM_POSITIONS:
            raise OptionError(f'MultiStageRSNHead: prm position {position!r}, expected one of '
                              f'{PRM_POSITIONS}')
        self.size_hw = tuple(heatmap_size)[::-1]
        self.feature = (
            build_attention(in_channels, **options) if position == 'feature'
            else conv_norm(in_channels, in_channels, norm_cfg=norm_cfg))
        self.heatmap = conv_norm(in_channels, out_channels, 3, norm_cfg=norm_cfg, relu=False)
        self.refine = (
            build_attention(out_channels, **options) if position == 'heatmap' else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        return self.refine(resize(self.heatmap(self.feature(x)), self.size_hw))


def build_attention(channels: int, norm_cfg: dict | None, type: str | type = 'PoseRefineMachine',
                    **options: object) -> nn.Module:
    """Build a module from (B, channels, H, W) to the same shape.

    Args:
        channels: Channels of the feature, or number of heatmaps.
        norm_cfg: Normalization; ``None`` for none.
        type: One of :data:`ATTENTIONS`, or any other registered module whose first argument is the
            number of channels and which accepts ``norm_cfg``.
        options: Other arguments of the module.

    Raises:
        OptionError: If there is no such module.
    """
    # `MODELS.build` would look for a name without a scope in the default scope, which is mmpose's.
    attention = MODELS.get(type) if isinstance(type, str) else type
    if attention is None:
        raise OptionError(f'MultiStageRSNHead: prm type {type!r}, expected one of {ATTENTIONS} or '
                          'another registered module')
    return attention(channels, norm_cfg=norm_cfg, **options)
