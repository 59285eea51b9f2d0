"""What a backbone with stages gives, which heads and necks for single feature maps cannot use."""

from typing import NoReturn

from torch.utils import _pytree

from rsn_mm.errors import OptionError


class StageFeatures(list):
    """The features of all stages, or those of one stage.

    It is a plain list, but where a head or a neck takes it for a feature map, the error names the
    option to set.

    Example:
        >>> features = rsn_mm.models.backbones.StageFeatures([torch.zeros(1, 8, 4, 3)])
        >>> torch.nn.Conv2d(8, 1, kernel_size=1)(features[-1]).shape
        torch.Size([1, 1, 4, 3])
        >>> torch.nn.Conv2d(8, 1, kernel_size=1)(features)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        rsn_mm.errors.OptionError: a head or a neck for single feature maps ...
    """

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None) -> NoReturn:
        # torch calls this where an argument that must be a tensor is such a list.
        raise OptionError(
            'a head or a neck for single feature maps got the stages of a backbone: set '
            "out_mode='pyramid' of rsn_mm.RSN, or use the head rsn_mm.MultiStageRSNHead or "
            'MSPNHead')


# FSDP looks for tensors in what a module returns, and knows no other lists than Python's.
_pytree.register_pytree_node(
    StageFeatures, lambda features: (list(features), None),
    lambda features, _: StageFeatures(features))
