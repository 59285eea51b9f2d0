"""How wide the branches of a unit are."""

from collections.abc import Callable

#: Base channels for which ``branch_width`` is given.
REFERENCE_PLANES = 64
#: Of the paper's RSB.
BRANCHES = 4
BRANCH_WIDTH = 26


def scaled_width(base: int, branch_width: int) -> int:
    """Channels of a branch at a level, from what they are where the base is 64."""
    return base * branch_width // REFERENCE_PLANES


def rsb_cost(width: int, channels: int, num_branches: int) -> int:
    """Multiply-adds per cell of an RSB of so many channels in and out."""
    convs = num_branches * (num_branches + 1) // 2
    return 2 * channels * num_branches * width + 9 * convs * width**2


def equal_cost_width(cost: Callable[[int], int], base: int, channels: int) -> int:
    """The width at which a unit comes nearest to the cost of the paper's RSB of four branches.

    Args:
        cost: Multiply-adds per cell at a width; grows with it.
        base: Base channels of the level.
        channels: Channels of the level's features, which go in and out.
    """
    target = rsb_cost(scaled_width(base, BRANCH_WIDTH), channels, BRANCHES)
    width = 1
    while cost(width + 1) <= target:
        width += 1
    return min(width, width + 1, key=lambda w: abs(cost(w) - target))
