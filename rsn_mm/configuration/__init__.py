"""Config files: reading them, changing them, and finding what in them has no effect."""

from .reading import check_names, read_config

__all__ = ['check_names', 'read_config']
