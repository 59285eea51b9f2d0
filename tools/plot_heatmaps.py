#!/usr/bin/env python
"""Draw the heatmaps of every level of a network over a photograph."""

from rsn_mm.cli.plot_heatmaps import main

if __name__ == '__main__':
    main()
