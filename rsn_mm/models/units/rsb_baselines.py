"""RSBs with fewer sums between their branches: what the paper's two baselines are taken to be.

A summary of the paper reports a "Baseline1" and a "Baseline2" that cost as much as RSN and score
lower, without saying what they are. Sums between branches cost no multiplication, and the paper
claims that dense sums are what matters. It contrasts them with Res2Net, which has one sum per pair
of branches, and with OSNet, which has none (sections 2.2 and 3.2). The baselines are inferred to be
the branches of the RSB joined in these two ways.
"""

import torch
from torch import Tensor

from rsn_mm.registry import UNITS

from ..layers import split_channels
from .rsb import ResidualStepsBlock


@UNITS.register_module(name='rsb_chained')
class ChainedStepsBlock(ResidualStepsBlock):
    """An RSB joined like Res2Net: a branch sees only the last output of the branch before it.

    The layers, their names and their cost are those of the RSB.
    """

    def features(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for split, branch in zip(split_channels(self.split(x), len(self.branches)), self.branches):
            y = split + outputs[-1] if outputs else split
            for step in branch:
                y = step(y)
            outputs.append(y)
        return torch.cat(outputs, dim=1)


@UNITS.register_module(name='rsb_separate')
class SeparateStepsBlock(ResidualStepsBlock):
    """An RSB joined like OSNet: no branch sees another before the concatenation.

    The layers, their names and their cost are those of the RSB.
    """

    def features(self, x: Tensor) -> Tensor:
        outputs = []
        for y, branch in zip(split_channels(self.split(x), len(self.branches)), self.branches):
            for step in branch:
                y = step(y)
            outputs.append(y)
        return torch.cat(outputs, dim=1)
