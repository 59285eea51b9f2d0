"""A long job: images to a file of detections, which can be interrupted at any time."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rsn_mm.errors import RsnMmError
from rsn_mm.files import write_json

from .frames import Frame
from .job import JOURNAL_ENDING
from .journal import Journal, Names
from .results import Record
from .sources import Input, read_frame

logger = logging.getLogger(__name__)

#: The category of persons in the file, whatever the detector calls them.
PERSON_CATEGORY = 1
#: Keys of a record in the journal: the persons of an image, or why it was skipped.
PERSONS, ERROR = 'persons', 'error'


class Finder(Protocol):
    """Finds people, see :class:`rsn_mm.prediction.detectors.Detector`."""

    def find(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """For each image (N, 5), x1, y1, x2, y2 and score."""


@dataclass(frozen=True)
class Found:
    """Numbers of images, of persons, of images with persons, and of skipped images."""

    images: int
    persons: int
    images_with_persons: int
    skipped: int


@dataclass(frozen=True)
class DetectionJob:
    """Detects the persons of images and writes them in COCO's format.

    What is done is kept in a journal beside the file, so that a job that was interrupted, or has
    come upon a file that is no image, goes on from there.

    Args:
        detector: Finds people.
        images: Paths by image id.
        out: JSON file to write.
        batch_size: Number of images in a batch.
        skip_errors: Go on behind an image that cannot be read.
    """

    detector: Finder
    images: Mapping[int, Path]
    out: Path
    batch_size: int = 1
    skip_errors: bool = False

    def run(self, settings: Mapping[str, Any], overwrite: bool, advance: Callable[[int], None]
            ) -> Found:
        """Do the job, or what an interrupted run has left of it.

        Args:
            settings: What the detections depend on; a job with other settings does not go on.
            overwrite: Replace the file and begin anew after a run with other settings.
            advance: Called with a number of images that are done.

        Raises:
            RsnMmError: If an image cannot be read, the file cannot be written, or there is an
                interrupted run with other images or settings.
        """
        journal = Journal(Path(f'{self.out}{JOURNAL_ENDING}'), settings, overwrite)
        try:
            self._detect(journal, advance)
            records = list(journal.records())
            persons = [person for record in records for person in record.get(PERSONS, ())]
            write_json(self.out, persons, 'OUT', overwrite)
            journal.remove()
            return Found(len(records), len(persons), sum(bool(r.get(PERSONS)) for r in records),
                         sum(ERROR in record for record in records))
        finally:
            journal.close()

    def _detect(self, journal: Journal, advance: Callable[[int], None]) -> None:
        names, images = Names(), list(self.images.items())
        done = journal.inputs_done
        for image_id, path in images[:done]:
            names.add(f'{image_id} {path}')
        journal.require_same(names)
        advance(done)
        for start in range(done, len(images), self.batch_size):
            batch = images[start:start + self.batch_size]
            frames = [self._read(path) for _, path in batch]
            found = iter(self.detector.find([f.image for f in frames if isinstance(f, Frame)]))
            for (image_id, path), frame in zip(batch, frames):
                journal.add({PERSONS: as_persons(image_id, next(found))} if isinstance(
                    frame, Frame) else {ERROR: str(frame)})
                names.add(f'{image_id} {path}')
            journal.mark_done(names)
            advance(len(batch))

    def _read(self, path: Path) -> Frame | RsnMmError:
        try:
            return read_frame(Input(str(path), path.name))
        except RsnMmError as error:
            if not self.skip_errors:
                raise
            logger.warning('skipped: %s', error)
            return error


def as_persons(image_id: int, boxes: np.ndarray) -> list[Record]:
    """The persons of an image in COCO's format.

    Args:
        image_id: Id of the image.
        boxes: (N, 5) x1, y1, x2, y2 and score.
    """
    return [dict(image_id=image_id, category_id=PERSON_CATEGORY, bbox=[x1, y1, x2 - x1, y2 - y1],
                 score=score) for x1, y1, x2, y2, score in boxes.tolist()]
