#!/usr/bin/env python
"""Print the size of networks: parameters, and GFLOPs counted as in the papers."""

from rsn_mm.cli.get_flops import main

if __name__ == '__main__':
    main()
