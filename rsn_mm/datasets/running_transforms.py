"""Runs the transforms of a pipeline one by one, so that an error tells which of them failed."""

from collections.abc import Iterable, Iterator

from rsn_mm.errors import DataError, EntryError, OptionError, OptionTypeError, RsnMmError


def run_transforms(transforms: Iterable, sample: dict, key: str) -> Iterator[dict]:
    """Run transforms on a sample.

    Args:
        transforms: Those of a pipeline, in order.
        sample: Of a dataset. It is changed.
        key: Key of the pipeline in the config, for messages.

    Yields:
        The sample after each transform.

    Raises:
        EntryError: If a transform fails. The message names its key, its class and the image.
        DataError: If a transform refuses the data.
    """
    for i, transform in enumerate(transforms):
        path = sample.get('img_path')
        name = f'{key}.{i} ({type(transform).__name__})'
        try:
            sample = transform(sample)
        except (OptionError, OptionTypeError) as error:
            raise EntryError(f'{name}: {error}') from error
        except RsnMmError:
            raise
        except Exception as error:
            raise EntryError(f'{name} fails for {path}: {type(error).__name__}: '
                             f'{" ".join(str(error).split())}') from error
        if sample is None:  # such samples are drawn anew, from what may be no other
            raise DataError(f'{name} gives nothing for {path}')
        yield sample
