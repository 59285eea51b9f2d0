"""What predicts shards: in this process, as an actor of Ray, and in ``ray.data.map_batches``."""

import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rsn_mm.errors import DataError, RsnMmError
from rsn_mm.optimization import DTYPES
from rsn_mm.prediction import Predictor
from rsn_mm.prediction.box_files import BoxFile
from rsn_mm.prediction.formats import frame_schema, table_of
from rsn_mm.prediction.job import Summary
from rsn_mm.prediction.people import People
from rsn_mm.prediction.results import Record, failure_record, record_of
from rsn_mm.prediction.run import Item, Steps

from .archives import Archives
from .parts import claimed, write_part
from .plan import Plan
from .rows import ID, Row, RowFrame, read_row, row_of
from .settings import ShardSettings

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)


def _nothing(number: int) -> None:
    pass


class ShardWorker:
    """Predicts shards with one predictor, which is loaded when it is needed first.

    Example:
        >>> from rsn_mm.sharding import ShardSettings, ShardWorker
        >>> worker = ShardWorker(ShardSettings('config.py', 'checkpoint.pth'))
        >>> table = worker(pa.table(dict(  # doctest: +SKIP
        ...     id=['a'], path=['photo.jpg'], boxes=[[[10, 20, 110, 320]]])))
        >>> table['people'][0].as_py()[0]['keypoints']  # doctest: +SKIP

    Args:
        settings: What it predicts with.
    """

    def __init__(self, settings: ShardSettings) -> None:
        self._settings = settings
        self._archives = Archives()

    @cached_property
    def _predictor(self) -> Predictor:
        settings = self._settings
        return Predictor(settings.config, settings.checkpoint, device=settings.device,
                         dtype=DTYPES[settings.optimize], runtime=settings.runtime)

    @cached_property
    def _people(self) -> People:
        return self._settings.people() or _boxes_of

    def load(self) -> None:
        """Load the network and what finds people.

        Raises:
            RsnMmError: If it cannot be loaded, see :class:`rsn_mm.apis.Predictor`.
        """
        self._predictor, self._people  # noqa: B018, made when they are asked for

    def run(self, plan: Plan, number: int, advance: Callable[[int], None] = _nothing
            ) -> Summary | None:
        """Predict a shard and write its part.

        Args:
            plan: The folder of parts.
            number: The shard.
            advance: Called with a number of images that are done.

        Returns:
            What the part holds; ``None`` if it is there already, or another worker is at it.

        Raises:
            RsnMmError: If an image cannot be used and ``skip_errors`` is off, or the part cannot be
                written. There is no part then.
        """
        with claimed(plan, number) as is_ours:
            if not is_ours:
                return None
            records = self._records(plan.shards[number].read(), plan.source, advance)
            with closing(records):
                summary = write_part(plan, number, records, self._predictor.keypoint_names)
        self._check_box_file()
        return summary

    def __call__(self, batch: 'pa.Table') -> 'pa.Table':
        """Predict the rows of a table, for ``ray.data.map_batches(..., batch_format='pyarrow')``.

        Args:
            batch: The columns of a manifest, with absolute paths.

        Returns:
            A table with the columns of a part.

        Raises:
            RsnMmError: If a row cannot be used, or an image and ``skip_errors`` is off.
        """
        has_boxes = 'boxes' in batch.column_names
        self._settings.check_boxes(has_boxes, 'the batch')
        rows = [row_of(entry, f'{ID} {entry.get(ID)!r}', has_boxes) for entry in batch.to_pylist()]
        with closing(self._records(rows, 'batch', _nothing)) as records:
            return table_of(list(records), frame_schema(self._predictor.keypoint_names, first=[ID]))

    def _records(self, rows: Iterable[Row], source: str, advance: Callable[[int], None]
                 ) -> Generator[Record, None, None]:
        """Predict rows; yields their records in order."""
        size = self._settings.batch_size
        steps = Steps(self._predictor, self._people, size, size, keep_images=False,
                      read=self._read)
        with closing(steps.run(rows)) as groups:  # type: ignore[type-var]
            for group in groups:
                for item in group:
                    yield self._record(item, source)
                advance(len(group))

    def _read(self, row: Row) -> RowFrame:
        return read_row(row, self._archives)

    def _record(self, item: Item, source: str) -> Record:
        row: Any = item.source
        try:
            if item.error is not None or item.frame is None or item.people is None:
                raise item.error or RuntimeError(f'{row.name} has not been predicted')
            record = record_of(item.frame, item.people)
        except RsnMmError as error:
            # A DataError whatever it was, since a missing file is an OSError, which a writer of
            # files takes for its own.
            named = DataError(f'{source}, {row.where}: {error}')
            if not self._settings.skip_errors:
                raise named from error
            logger.warning('skipped: %s', named)
            record = failure_record(row.name, error)
        return {ID: row.id, **record}

    def _check_box_file(self) -> None:
        """Warn if a file of boxes had none so far, perhaps since it names images differently."""
        if isinstance(self._people, BoxFile):
            try:
                self._people.check_use()
            except DataError as error:
                logger.warning('%s', error)


def _boxes_of(frames: Any) -> list[np.ndarray | None]:
    """The boxes that the rows have."""
    return [frame.boxes for frame in frames]
