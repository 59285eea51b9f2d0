#!/usr/bin/env python
"""Look into a network: its heatmaps, its branch weights, or its cost."""

from rsn_mm.cli.analyze import main

if __name__ == '__main__':
    main()
