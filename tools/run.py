#!/usr/bin/env python
"""Run a script of MMPose or mmdet on the stack that rsn_mm patches."""

from rsn_mm.cli.run import main

if __name__ == '__main__':
    main()
