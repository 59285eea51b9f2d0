#!/usr/bin/env python
"""Find the keypoints of people in photographs, and write and draw them."""

from rsn_mm.cli.predict import main

if __name__ == '__main__':
    main()
