"""What other programs call."""

from .optimization import optimize

__all__ = ['optimize']
