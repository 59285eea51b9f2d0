"""What somebody meant by a key that nothing reads."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping

from rsn_mm.errors import listing

from .keys import entries

#: Likeness, of 0 to 1, from which a name is offered for another, and from which it is a typo.
NEAR, TYPO = 0.6, 0.85


def suggestion(key: str, unread: str, legal: Collection[str], cfg: Mapping) -> str:
    """The end of a message about a key that nothing reads.

    Args:
        key: The key.
        unread: Its beginning, up to and with the first name that nothing reads.
        legal: Keys that could stand in the place of ``unread``.
        cfg: Config whose entries are searched for the same last name. They come first if only this
            name is wrong, and otherwise if no legal key is near.
    """
    last = key.rpartition('.')[2]
    elsewhere = [each for each in dotted_keys(cfg) if each.rpartition('.')[2] == last]
    if elsewhere and key == unread:
        return f'; did you mean {listing(elsewhere, 3)}?'
    near = difflib.get_close_matches(unread, legal, 1, NEAR)
    if '.' in unread:  # compare the last names, since all that precedes is the same
        parent, _, name = unread.rpartition('.')
        names = [each.rpartition('.')[2] for each in legal]
        near = [f'{parent}.{each}' for each in difflib.get_close_matches(name, names, 1, NEAR)]
    if near:
        return f'; did you mean {near[0]}{key.removeprefix(unread)}?'
    if elsewhere:
        return f'; did you mean {listing(elsewhere, 3)}?'
    return f'; expected one of {listing(sorted(each.rpartition(".")[2] for each in legal), 30)}'


def typo_of(name: str, known: Iterable[str]) -> str | None:
    """The known name that a name is most likely a typo of."""
    if any(name.startswith(f'{each}_') for each in known):
        return None  # such as `val_evaluator_small`
    return next(iter(difflib.get_close_matches(name, known, 1, TYPO)), None)


def dotted_keys(entry: object, prefix: str = '') -> Iterator[str]:
    """The keys of all entries of a config, with dots."""
    for name, value in entries(entry):
        yield f'{prefix}{name}'
        yield from dotted_keys(value, f'{prefix}{name}.')
