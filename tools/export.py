#!/usr/bin/env python
"""Write a network as one file that runs without torch and MMPose."""

from rsn_mm.cli.export import main

if __name__ == '__main__':
    main()
