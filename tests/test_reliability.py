"""The page on reliability counts the cases that the tests have."""

import re

import pytest

from tests.cli import test_wrong_values as values
from tests.datasets import test_mutations as mutations
from tests.fresh import ROOT
from tests.tools.test_hostile_checkpoints import REFUSED


@pytest.mark.parametrize('name, cases', [
    ('values of a config', len(values.VALUES)),
    ('values that a class refuses', len(values.BUILDING)),
    ('values that would fail', len(values.TRYING)),
    ('such values', len(values.OTHERS) + len(values.PREDICTORS)),
    ('annotation files', len(mutations.ROWS)),
    ('the same, where', len(mutations.COUNTED)),
    ('detection files', len(mutations.DETECTIONS)),
    ('hostile and broken checkpoints', len(REFUSED)),
])
def test_the_page_has_the_number_of_cases(name, cases):
    page = (ROOT / 'docs/reliability.md').read_text()
    assert re.search(rf'^\\| {name}.* \\| {cases} \\| 0 \\|', page, re.MULTILINE)
