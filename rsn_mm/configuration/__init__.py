"""Config files: reading and changing them, and what in them is wrong or has no effect."""

from .building import explained
from .reading import check_names, read_config
from .values import check_values

__all__ = ['check_names', 'check_values', 'explained', 'read_config']
