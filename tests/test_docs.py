"""What the documents show is true: snippets run, links and commands lead to files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / 'README.md', *(ROOT / 'docs').rglob('*.md')])


def test_snippets_of_the_conventions_run():
    snippets = re.findall(r'```python\n(.*?)```', (ROOT / 'docs/conventions.md').read_text(), re.S)
    assert len(snippets) >= 2
    for snippet in snippets:
        exec(snippet, {})


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_and_commands_lead_to_files(page):
    text = page.read_text()
    assert not re.findall(r'@[A-Z]+@', text)  # a place that was not filled in
    links = [target for target in re.findall(r'\]\(([^)#]+)[^)]*\)', text) if '://' not in target]
    for target in links:
        assert (page.parent / target).exists(), target
    for block in re.findall(r'```bash\n(.*?)```', text, re.S):
        for name in re.findall(r'(?:^|\s)((?:tools|configs|demo)/[\w./-]+\.(?:py|sh))', block):
            assert (ROOT / name).exists(), name
