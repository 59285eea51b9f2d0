#!/usr/bin/env python
"""Train and evaluate the runs of a sweep, and put their scores side by side."""

from rsn_mm.cli.compare import main

if __name__ == '__main__':
    main()
