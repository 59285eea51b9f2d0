"""Options that take a config and a checkpoint, or the name of a published model."""

import argparse
from collections.abc import Sequence
from typing import Any

from rsn_mm.errors import OptionError
from rsn_mm.zoo import Files, find_model, get_model, is_model_name


class _Model(argparse.Action):
    """Takes CONFIG CHECKPOINT or NAME."""

    def __init__(self, option_strings: Sequence[str], dest: str, package: str,
                 **options: Any) -> None:
        super().__init__(option_strings, dest, **options)
        self.package = package

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: Any, option_string: str | None = None) -> None:
        given = f'{option_string} {" ".join(values)}'
        if is_model_name(values[0]) and len(values) > 1:
            parser.error(f'{given}: a published model needs no checkpoint; put what follows '
                         f'{values[0]} in front of {option_string}')
        if not is_model_name(values[0]) and len(values) != 2:
            parser.error(f'{given}: expected CONFIG CHECKPOINT, or the name of a published model '
                         '(rsn-mm models)')
        if len(values) == 1:
            try:
                find_model(values[0], self.package)
            except OptionError as error:
                parser.error(f'{option_string}: {error}')
        setattr(namespace, self.dest, values)


def add_model_option(group: Any, option: str, package: str, text: str, **options: object) -> None:
    """Add an option that takes CONFIG CHECKPOINT or NAME, as a list.

    Args:
        group: A parser or one of its groups.
        option: Its name.
        package: :data:`rsn_mm.zoo.POSE` or :data:`rsn_mm.zoo.DETECTOR`.
        text: Its help.
        options: Further options of ``add_argument``.
    """
    group.add_argument(option, nargs='+', action=_Model, package=package, metavar='MODEL', help=(
        f'CONFIG CHECKPOINT, or NAME: {text}'), **options)


def files_of(model: Sequence[str], package: str) -> Files:
    """The config and checkpoint of such an option.

    Raises:
        OptionError, CheckpointError: See :func:`rsn_mm.zoo.get_model`.
    """
    return Files(*model) if len(model) > 1 else get_model(model[0], package)
