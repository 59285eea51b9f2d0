"""What all residual units have in common."""

from typing import Any

from torch import Tensor, nn

from ..checkpointing import CheckpointedModule
from ..layers import ConvNormAdd, conv_norm

#: From this depth on a ResNet has 4 times as many output channels (He et al., CVPR 2016, Table 1).
EXPANDED_DEPTH = 50


class ResidualUnit(CheckpointedModule):
    """``ReLU(residual(x) + shortcut(x))``, where the shortcut is projected if shapes differ.

    A subclass builds its layers in ``__init__``. One of them is ``fuse``, the last layer of the
    residual branch, which adds the shortcut. The method :meth:`features` computes everything before
    it. Keyword arguments of ``__init__`` are the options that a config can set; options that are
    not among them are refused. What the layers must fulfil is checked when a backbone is built.

    Args:
        in_channels: Channels of the input.
        planes: Base channels of the level (64, 128, 256, 512).
        expansion: The output has ``planes * expansion`` channels.
        stride: Stride of the unit, 1 or 2.
        norm_cfg: Normalization of every layer; ``None`` for none.
        with_cp: Recompute the unit in the backward pass to save memory.

    Shapes: ``(B, in_channels, H, W)`` to ``(B, planes * expansion, H / stride, W / stride)``.

    Example:
        A unit of your own works in every backbone of this package. Its module must be imported
        before the model is built, in configs by ``custom_imports``.

        >>> from rsn_mm.models.layers import ConvNormAdd, conv_norm
        >>> from rsn_mm.models.units import ResidualUnit
        >>> from rsn_mm.registry import UNITS
        >>> @UNITS.register_module()
        ... class GroupedUnit(ResidualUnit):
        ...
        ...     def __init__(self, in_channels, planes, *, groups=4, stride=1, norm_cfg, **common):
        ...         super().__init__(
        ...             in_channels, planes, stride=stride, norm_cfg=norm_cfg, **common)
        ...         self.conv = conv_norm(in_channels, planes, 3, stride=stride, groups=groups,
        ...                               norm_cfg=norm_cfg)
        ...         self.fuse = conv_norm(planes, self.out_channels, norm_cfg=norm_cfg,
        ...                               module=ConvNormAdd)
        ...
        ...     def features(self, x):
        ...         return self.conv(x)
        >>> model = rsn_mm.models.RSN(depth=18, unit=dict(type='GroupedUnit', groups=8))
        >>> model.stages[0].encoder.levels[0][0].conv.conv.groups
        8
        >>> rsn_mm.models.RSN(depth=18, unit=dict(type='GroupedUnit', num_branches=3))
        Traceback (most recent call last):
        rsn_mm.errors.OptionError: RSN: unit 'GroupedUnit' has no option num_branches; ...
    """

    fuse: ConvNormAdd

    def __init__(self, in_channels: int, planes: int, *, expansion: int = 1, stride: int = 1,
                 norm_cfg: dict | None, with_cp: bool = False) -> None:
        super().__init__(with_cp)
        self.out_channels = planes * expansion
        #: Whether the weights were loaded; initialization must not change them then.
        self.loaded = False
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != self.out_channels:
            self.shortcut = conv_norm(
                in_channels, self.out_channels, stride=stride, norm_cfg=norm_cfg, relu=False)

    @staticmethod
    def default_expansion(depth: int, **options: Any) -> int:
        """The expansion in a network of a given depth, by default that of ResNets.

        Args:
            depth: Depth of the network.
            options: The other options of the unit.
        """
        return 4 if depth >= EXPANDED_DEPTH else 1

    @property
    def fused_features(self) -> tuple[str, ...]:
        """Names of the features that are concatenated for ``fuse``, in the order of its inputs.

        All have the same number of channels. Empty where ``fuse`` sees one feature.
        """
        return ()

    def features(self, x: Tensor) -> Tensor:
        """Compute the residual branch without its last layer."""
        raise NotImplementedError

    def compute(self, x: Tensor) -> Tensor:
        is_projected = not isinstance(self.shortcut, nn.Identity)
        return self.fuse(self.features(x), self.shortcut(x), may_overwrite_addend=is_projected)
