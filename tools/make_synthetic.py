#!/usr/bin/env python
"""Generate pictures of people with exact keypoints, as a COCO or an MPII dataset on disk."""

from rsn_mm.cli.make_synthetic import main

if __name__ == '__main__':
    main()
