#!/usr/bin/env python
"""Write a network in 8-bit integers, and measure what that loses."""

from rsn_mm.cli.quantize import main

if __name__ == '__main__':
    main()
