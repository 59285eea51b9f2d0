#!/usr/bin/env python
"""Train a network."""

from rsn_mm.cli.train import main

if __name__ == '__main__':
    main()
