"""Labels of other tools as data sets of this project."""

from .content import Instance, LabeledImage, Labels
from .reading import read_labels

__all__ = ['Instance', 'LabeledImage', 'Labels', 'read_labels']
