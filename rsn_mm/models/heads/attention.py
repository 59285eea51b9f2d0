"""The attention that a head's ``prm`` asks for."""

from torch import nn

from rsn_mm.errors import OptionError
from rsn_mm.registry import MODELS

#: What is here to stand in the place of the Pose Refine Machine.
ATTENTIONS = ('PoseRefineMachine', 'SE', 'CBAM')


def build_attention(channels: int, norm_cfg: dict, type: str | type = 'PoseRefineMachine',
                    **options: object) -> nn.Module:
    """A module from (B, channels, H, W) to the same.

    Args:
        channels: Of the feature or the heatmaps.
        norm_cfg: Normalization.
        type: One of :data:`ATTENTIONS`, or any registered module whose first argument is the number
            of channels and which takes ``norm_cfg``.
        options: Other arguments of the module.

    Raises:
        OptionError: If there is no such type.
    """
    # Not `MODELS.build`, which looks a bare name up in the default scope, mmpose's.
    attention = MODELS.get(type) if isinstance(type, str) else type
    if attention is None:
        raise OptionError(f'MultiStageRSNHead: prm type {type!r}, expected one of {ATTENTIONS} or '
                          'another registered module')
    return attention(channels, norm_cfg=norm_cfg, **options)
