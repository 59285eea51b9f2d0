"""The downward half of a stage: levels of residual units with strides 4, 8, 16, 32."""

from collections.abc import Callable, Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from .units import ResidualUnit

#: Base channels of level 1; they double with every level.
BASE_PLANES = 64


class Encoder(BaseModule):
    """Levels of residual units; each level after the first halves the size of its input.

    Args:
        in_channels: Channels of the input.
        num_blocks: Number of units per level, fine to coarse.
        make_unit: Makes a unit: ``make_unit(in_channels, planes, stride=...)``. The planes of the
            levels are 64, 128, 256, ...
    """

    def __init__(self, in_channels: int, num_blocks: Sequence[int],
                 make_unit: Callable[..., ResidualUnit]) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        self.out_channels = []
        for level, blocks in enumerate(num_blocks):
            planes = BASE_PLANES * 2**level
            units = []
            for block in range(blocks):
                stride = 2 if level > 0 and block == 0 else 1
                units.append(make_unit(in_channels, planes, stride=stride))
                in_channels = units[-1].out_channels
            self.levels.append(nn.Sequential(*units))
            self.out_channels.append(in_channels)

    def forward(self, x: Tensor, skips: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Compute the features of all levels, fine to coarse.

        Args:
            x: Input, (B, in_channels, H, W).
            skips: Features from the stage before, one per level, fine to coarse. Each is added to
                the output of the level's last unit.
        """
        features = []
        for i, level in enumerate(self.levels):
            x = level(x)
            if skips is not None:
                x = x + skips[i]
            features.append(x)
        return features
