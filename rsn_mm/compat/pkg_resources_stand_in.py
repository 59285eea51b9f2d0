"""The part of ``pkg_resources`` that mmengine uses, built on the standard library."""

import importlib.metadata


class DistributionNotFound(Exception):
    """Raised if no package of that name is installed."""


class Distribution:
    """An installed package."""

    def __init__(self, distribution: importlib.metadata.Distribution):
        self._distribution = distribution
        self.version = distribution.version
        self.location = str(distribution.locate_file(''))

    def has_metadata(self, name: str) -> bool:
        return self._distribution.read_text(name) is not None

    def get_metadata(self, name: str) -> str:
        text = self._distribution.read_text(name)
        if text is None:
            raise FileNotFoundError(f'{self._distribution.metadata["Name"]} has no {name}')
        return text


def get_distribution(name: str) -> Distribution:
    """Look up an installed package.

    Raises:
        DistributionNotFound: If no package of that name is installed.
    """
    try:
        return Distribution(importlib.metadata.distribution(name))
    except importlib.metadata.PackageNotFoundError as error:
        raise DistributionNotFound(f'The {name!r} distribution was not found') from error
