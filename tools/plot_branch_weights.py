#!/usr/bin/env python
"""Draw how much a network uses the branches of its units."""

from rsn_mm.cli.plot_branch_weights import main

if __name__ == '__main__':
    main()
