from .rsn import RSN

__all__ = ['RSN']
