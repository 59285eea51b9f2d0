#!/usr/bin/env python
"""Convert checkpoints of the released RSN and MSPN and of MMPose, or ours to MMPose's."""

from rsn_mm.cli.convert_checkpoint import main

if __name__ == '__main__':
    main()
