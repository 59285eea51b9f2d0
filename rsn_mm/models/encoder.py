"""The downward half of a stage: levels of residual units at strides 4, 8, 16, 32."""

from collections.abc import Callable, Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from .units import ResidualUnit

#: Base channels of level 1; they double with every level.
BASE_PLANES = 64


class Encoder(BaseModule):
    """Levels of residual units, each but the first at half the size of the one before.

    Args:
        in_channels: Channels of the input.
        num_blocks: Units of each level, fine to coarse.
        expansion: Output channels of a level over its base planes (64, 128, 256, ...).
        unit: Makes a unit: ``unit(in_channels, planes, expansion=..., stride=...)``.
    """

    def __init__(self, in_channels: int, num_blocks: Sequence[int], expansion: int,
                 unit: Callable[..., ResidualUnit]) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        self.out_channels = []
        for level, blocks in enumerate(num_blocks):
            planes = BASE_PLANES * 2**level
            units = []
            for block in range(blocks):
                stride = 2 if level > 0 and block == 0 else 1
                units.append(unit(in_channels, planes, expansion=expansion, stride=stride))
                in_channels = planes * expansion
            self.levels.append(nn.Sequential(*units))
            self.out_channels.append(in_channels)

    def forward(self, x: Tensor, skips: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Features of all levels, fine to coarse.

        Args:
            x: Input, (B, in_channels, H, W).
            skips: What the stage before hands over per level, fine to coarse, added after the
                level's last unit.
        """
        features = []
        for i, level in enumerate(self.levels):
            x = level(x)
            if skips is not None:
                x = x + skips[i]
            features.append(x)
        return features
