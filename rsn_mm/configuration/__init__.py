"""Config files: reading and changing them, and what in them is wrong or has no effect."""

from .building import explained
from .reading import check_names, read_config
from .shipped import SHIPPED, find_config, shipped_configs
from .values import check_values

__all__ = ['SHIPPED', 'check_names', 'check_values', 'explained', 'find_config', 'read_config',
           'shipped_configs']
