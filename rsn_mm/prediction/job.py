"""A long job: images to a file of poses, and to pictures, that can be interrupted at any time."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rsn_mm.errors import ExistingFileError, RsnMmError
from rsn_mm.files import check_new_file

from .drawing import PoseDrawer, draw_heatmaps
from .formats import check_format, write_results
from .journal import Journal, Names
from .pictures import PictureNames, write_picture_of
from .results import Record, failure_record, record_of
from .run import Item, Steps
from .sources import Input

logger = logging.getLogger(__name__)

#: Added to the name of the results for the journal.
JOURNAL_ENDING = '.partial'


@dataclass(frozen=True)
class Outputs:
    """What a job writes.

    Args:
        results: File of the poses, in the format of its ending.
        poses: Folder of pictures with the poses.
        heatmaps: Folder of pictures with the heatmaps.
    """

    results: Path
    poses: Path | None = None
    heatmaps: Path | None = None

    @property
    def journal(self) -> Path:
        """File of what is done while the job has not ended."""
        return self.results.with_name(self.results.name + JOURNAL_ENDING)

    @property
    def folders(self) -> list[Path]:
        """The folders of pictures."""
        return [folder for folder in (self.poses, self.heatmaps) if folder is not None]

    def check(self, overwrite: bool) -> None:
        """Refuse what cannot be written or would be written over, except by a job that goes on.

        Raises:
            ExistingFileError: If results or pictures are there and ``overwrite`` is false.
            OptionError, OutputError: If the results cannot be written.
        """
        check_format(self.results)
        goes_on = self.journal.exists()
        check_new_file(self.results, 'results', overwrite=overwrite or goes_on)
        for folder in self.folders:
            if folder.exists() and not folder.is_dir():
                raise ExistingFileError(f'{folder} is a file, expected a folder for pictures')
            if not (overwrite or goes_on) and folder.is_dir() and any(folder.iterdir()):
                raise ExistingFileError(f'folder {folder} holds files already: remove them or '
                                        'choose another folder')


@dataclass(frozen=True)
class Summary:
    """What a job has done: numbers of images, of people in them, and of skipped inputs."""

    images: int
    people: int
    skipped: int


@dataclass(frozen=True)
class Job:
    """Predicts the poses of all inputs and writes them.

    Args:
        steps: How inputs become poses.
        outputs: What is written. :meth:`Outputs.check` has been called.
        drawer: Draws the poses, if there is a folder for them.
        skip_errors: Go on behind an input that cannot be used.
    """

    steps: Steps
    outputs: Outputs
    drawer: PoseDrawer | None = None
    skip_errors: bool = False

    def run(self, inputs: Iterator[Input], settings: Mapping[str, Any], restart: bool,
            advance: Callable[[int], None]) -> Summary:
        """Do the job, or what an interrupted run has left of it.

        Args:
            inputs: The images.
            settings: What the results depend on; a job with other settings does not go on.
            restart: Begin anew after an interrupted run with other settings.
            advance: Called with a number of inputs that are done.

        Raises:
            RsnMmError: If an input cannot be used, an output cannot be written, or there is an
                interrupted run with other inputs or settings. What is done is kept, except by
                ``restart``.
        """
        journal = Journal(self.outputs.journal, settings, restart)
        try:
            names, pictures = Names(), PictureNames()
            for source in islice(inputs, journal.inputs_done):
                names.add(source.name)
                pictures(source)
            journal.require_same(names)
            advance(names.count)
            for group in self.steps.run(inputs):
                for item in group:
                    names.add(item.source.name)
                    journal.add(self._finish(item, pictures(item.source)))
                journal.mark_done(names)
                advance(len(group))
            write_results(self.outputs.results, journal.records,
                          self.steps.predictor.keypoint_names)
            summary = summary_of(journal.records())
            journal.remove()
            return summary
        finally:
            journal.close()

    def _finish(self, item: Item, picture: str) -> Record:
        """Draw an item, and put it into a record."""
        try:
            if item.error is not None or item.frame is None or item.people is None:
                raise item.error or RuntimeError(f'{item.source.name} has not been predicted')
            record = record_of(item.frame, item.people)
        except RsnMmError as error:
            if not self.skip_errors:
                raise
            logger.warning('skipped: %s', error)
            return failure_record(item.source.name, error)
        if self.outputs.poses is not None and self.drawer is not None:
            write_picture_of(self.outputs.poses / picture, self.drawer(item.frame, item.people),
                             item.source.name)
        if self.outputs.heatmaps is not None:
            write_picture_of(self.outputs.heatmaps / picture,
                             draw_heatmaps(item.frame, item.people), item.source.name)
        return record


def summary_of(records: Iterable[Record]) -> Summary:
    """Count what records hold."""
    images = people = skipped = 0
    for record in records:
        if 'people' in record:
            images, people = images + 1, people + len(record['people'])
        else:
            skipped += 1
    return Summary(images, people, skipped)
