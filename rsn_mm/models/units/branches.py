"""How many branches a unit has, and how wide they are."""

from collections.abc import Callable

from rsn_mm.errors import require_at_least

#: Base channels that ``branch_width`` refers to.
REFERENCE_PLANES = 64
#: Branches of the paper's RSB, and their width.
BRANCHES = 4
BRANCH_WIDTH = 26


def check_branches(unit: object, num_branches: int) -> None:
    """Refuse a unit of fewer than two branches."""
    require_at_least(type(unit).__name__, 2, num_branches=num_branches)


def scaled_width(base: int, branch_width: int) -> int:
    """Channels of a branch, in proportion to the base channels of the level.

    Args:
        base: Base channels.
        branch_width: Channels of a branch where the base is 64.
    """
    require_at_least('residual unit', 1, branch_width=branch_width)
    return base * branch_width // REFERENCE_PLANES


def rsb_cost(width: int, channels: int, num_branches: int) -> int:
    """Multiply-adds per cell of an RSB.

    Args:
        width: Channels of a branch.
        channels: Channels of the unit's input and of its output.
        num_branches: Number of branches.
    """
    convs = num_branches * (num_branches + 1) // 2
    return 2 * channels * num_branches * width + 9 * convs * width**2


def equal_cost_width(cost: Callable[[int], int], base: int, channels: int) -> int:
    """The width at which the cost of a unit is nearest to that of the paper's RSB.

    Args:
        cost: Multiply-adds per cell of the unit at a given width; it grows with the width.
        base: Base channels of the level.
        channels: Channels of the unit's input and of its output.
    """
    target = rsb_cost(scaled_width(base, BRANCH_WIDTH), channels, BRANCHES)
    width = 1
    while cost(width + 1) <= target:
        width += 1
    return min(width, width + 1, key=lambda w: abs(cost(w) - target))
