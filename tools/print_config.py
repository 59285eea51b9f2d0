#!/usr/bin/env python
"""Print a config with everything it inherits."""

from rsn_mm.cli.print_config import main

if __name__ == '__main__':
    main()
