"""What all residual units have in common."""

from torch import Tensor, nn

from ..layers import CheckpointedModule, SummedConv, conv_norm

#: From this depth on a ResNet widens its levels by 4 (He et al., CVPR 2016, Table 1).
BOTTLENECK_DEPTH = 50


class ResidualUnit(CheckpointedModule):
    """``ReLU(residual(x) + shortcut(x))``, the shortcut projected where shapes differ.

    Subclasses build their layers, among them ``fuse``, the residual branch's last one, and define
    :meth:`features`, what comes before it. The class attributes say which of the
    backbone's options mean something to the unit; an option that means nothing is refused there.

    Args:
        in_channels: Channels of the input.
        planes: Base channels of the level (64, 128, 256, 512).
        expansion: The output has ``planes * expansion`` channels.
        stride: Of the unit, 1 or 2.
        norm_cfg: Normalization of every layer.
        with_cp: Recompute the unit in backward to save memory.

    Shapes: ``(B, in_channels, H, W)`` to ``(B, planes * expansion, H / stride, W / stride)``.
    """

    #: Options of the backbone, besides the ones above, that the unit takes.
    options: frozenset[str] = frozenset()
    fuse: SummedConv

    def __init__(self, in_channels: int, planes: int, *, expansion: int, stride: int = 1,
                 norm_cfg: dict, with_cp: bool = False) -> None:
        super().__init__(with_cp)
        self.out_channels = planes * expansion
        #: Whether its weights were loaded, so that no initialization is to change them.
        self.loaded = False
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != self.out_channels:
            self.shortcut = conv_norm(
                in_channels, self.out_channels, stride=stride, norm_cfg=norm_cfg, relu=False)

    @staticmethod
    def default_expansion(depth: int, variant: str) -> int:
        """Output channels over base channels, in a network of this depth; as in ResNets."""
        return 4 if depth >= BOTTLENECK_DEPTH else 1

    def features(self, x: Tensor) -> Tensor:
        """The residual branch up to its last layer."""
        raise NotImplementedError

    def compute(self, x: Tensor) -> Tensor:
        is_identity = isinstance(self.shortcut, nn.Identity)
        return self.fuse(self.features(x), self.shortcut(x), is_free=not is_identity)
