#!/usr/bin/env python
"""Turn labels of CVAT, Roboflow, DeepLabCut or Label Studio into a data set to train on."""

from rsn_mm.cli.dataset import main

if __name__ == '__main__':
    main()
