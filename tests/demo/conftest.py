"""Lets tests import the modules of demo/ as its scripts do."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / 'demo'))
