#!/usr/bin/env python
"""Draw what a network is trained or tested on: images, joints and target heatmaps."""

from rsn_mm.cli.browse_dataset import main

if __name__ == '__main__':
    main()
