"""Config files: reading them, changing them, and finding what in them has no effect."""

from .reading import check_names, read_config
from .shipped import SHIPPED, find_config, shipped_configs

__all__ = ['SHIPPED', 'check_names', 'find_config', 'read_config', 'shipped_configs']
