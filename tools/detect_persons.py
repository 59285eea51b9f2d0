#!/usr/bin/env python
"""Detect persons with a detector of mmdet, for tests on detected boxes."""

from rsn_mm.cli.detect_persons import main

if __name__ == '__main__':
    main()
