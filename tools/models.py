#!/usr/bin/env python
"""List the configs and the published models that can be named."""

from rsn_mm.cli.models import main

if __name__ == '__main__':
    main()
