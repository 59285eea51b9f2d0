#!/usr/bin/env python
"""Time training and prediction against MMPose, side by side."""

from rsn_mm.cli.benchmark import main

if __name__ == '__main__':
    main()
