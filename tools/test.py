#!/usr/bin/env python
"""Evaluate a checkpoint or an ensemble, or write its results for an evaluation server."""

from rsn_mm.cli.test import main

if __name__ == '__main__':
    main()
