"""What a network costs and what it has learned."""

from .complexity import Complexity, measure

__all__ = ['Complexity', 'measure']
