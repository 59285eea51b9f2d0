"""The examples in the docstrings of the public functions run, and give what they show."""

import doctest

import pytest

from rsn_mm.conversion import exporting, importing


@pytest.mark.parametrize('module, num_examples', [(importing, 8), (exporting, 5)],
                         ids=['convert', 'to_mmpose'])
def test_examples(module, num_examples):
    assert doctest.testmod(module) == (0, num_examples)
