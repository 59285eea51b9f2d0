"""A long job: videos to a file of poses, and to videos with poses, that can be interrupted."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.structures import InstanceData

from rsn_mm.errors import DataError, MissingFileError
from rsn_mm.prediction import Predictor
from rsn_mm.prediction.drawing import PoseDrawer
from rsn_mm.prediction.formats import write_results
from rsn_mm.prediction.frames import Frame
from rsn_mm.prediction.job import JOURNAL_ENDING, Summary, summary_of
from rsn_mm.prediction.journal import Journal, Names
from rsn_mm.prediction.people import People
from rsn_mm.prediction.results import Record, failure_record, record_of
from rsn_mm.prediction.side_by_side import in_background

from .camera import Camera
from .carrying import box_scores
from .following import follow
from .one_euro import OneEuro
from .reader import VideoReader
from .replay import Replay, restored, stored
from .savitzky_golay import TrackedFrame, savitzky_golay
from .tracking import Tracker
from .writer import VideoWriter

logger = logging.getLogger(__name__)

#: Ways to smooth keypoints.
SMOOTHING = ('one-euro', 'savgol')
#: Frames that are decoded ahead, and frames from one note on the disk to the next.
AHEAD, NOTED = 8, 25
#: Keys of the first and the last record in the journal of a video. The last one holds the error of
#: a video that was skipped, or nothing.
RATE, END = 'frames_per_second', 'end'

#: A frame with its people, and their record; a skipped video has the record alone.
Finished = tuple[TrackedFrame | None, Record]


def journal_path(results: Path, number: int) -> Path:
    """File of what is done in a video while a job has not ended.

    Args:
        results: File of the poses.
        number: Number of the video, from 0. The file of the first one is the last to be removed.
    """
    return results.with_name(f'{results.name}.{number}{JOURNAL_ENDING}')


@dataclass(frozen=True)
class VideoJob:
    """Predicts the poses in videos, or in what a camera sees, and writes them.

    The people of all frames of videos are noted first. Then they are tracked, smoothed, written and
    drawn. This second part takes little time, and starts anew after an interruption.

    Args:
        predictor: Finds keypoints.
        people: Finds people.
        results: File of the poses, in the format of its ending.
        detect_every: See :func:`~rsn_mm.video.follow`.
        tracking: A method of :class:`~rsn_mm.video.Tracker`, or ``None``.
        smoothing: One of :data:`SMOOTHING`, which needs tracking, or ``None``.
        drawer: Draws poses.
        drawings: By video, the file with the drawn poses.
        skip_errors: Go on behind a video that cannot be read.
    """

    predictor: Predictor
    people: People
    results: Path
    detect_every: int = 1
    tracking: str | None = None
    smoothing: str | None = None
    drawer: PoseDrawer | None = None
    drawings: Mapping[str, Path] | None = None
    skip_errors: bool = False

    def run(self, videos: Sequence[str], settings: Mapping[str, Any], restart: bool,
            advance: Callable[[int], None]) -> Summary:
        """Do the job on videos, or what an interrupted run has left of it.

        Args:
            videos: Their paths.
            settings: What the results depend on; a job with other settings does not go on.
            restart: Begin anew after an interrupted run with other settings.
            advance: Called with a number of frames that are done.

        Returns:
            What was done; its images are frames, and its skipped inputs are videos.

        Raises:
            RsnMmError: If a video cannot be read, an output cannot be written, or there is an
                interrupted run with other settings. What is done is kept, except by ``restart``.
        """
        with ExitStack() as stack:
            journals = [stack.enter_context(closing(Journal(
                journal_path(self.results, number), settings, restart)))
                for number in range(len(videos))]
            for video, journal in zip(videos, journals):
                self._find(video, journal, advance)

            def records() -> Iterator[Record]:
                finished = (self._finished(*each) for each in zip(videos, journals))
                return (record for _, record in chain.from_iterable(finished))

            write_results(self.results, records, self.predictor.keypoint_names)
            for video, journal in zip(videos, journals):
                self._draw(video, journal)
            summary = summary_of(records())
            for journal in reversed(journals):  # the first one says that the job has not ended
                journal.remove()
        return summary

    def watch(self, camera: Camera, settings: Mapping[str, Any], restart: bool,
              advance: Callable[[int], None]) -> Summary:
        """Do the job on what a camera sees, until its frames end.

        Args:
            camera: Gives the frames.
            settings: As in :meth:`run`; a run that was killed cannot go on.
            restart: As in :meth:`run`.
            advance: As in :meth:`run`.

        Raises:
            RsnMmError: If an output cannot be written.
        """
        path = journal_path(self.results, 0)
        drawing = (self.drawings or {}).get(camera.name)
        with ExitStack() as stack:
            journal = stack.enter_context(closing(Journal(path, settings, restart)))
            writer = drawing and stack.enter_context(
                VideoWriter(drawing, camera.frames_per_second, overwrite=True))
            found = follow(camera, self.predictor, self.people, self.detect_every)
            names = Names()
            for frame, people in self._tracked(found, camera.frames_per_second):
                journal.add(record_of(frame, people))
                names.add(frame.name)
                if names.count % NOTED == 0:
                    journal.mark_done(names)
                if writer and self.drawer:
                    writer.write(self.drawer(frame, people), frame.seconds)
                advance(1)
            journal.mark_done(names)
            write_results(self.results, journal.records, self.predictor.keypoint_names)
            summary = summary_of(journal.records())
            journal.remove()
        return summary

    # -------------------------------------------------------------------------------- finding

    def _find(self, video: str, journal: Journal, advance: Callable[[int], None]) -> None:
        """Note the people in the frames of a video that have not been noted yet."""
        names, num_noted = Names(), journal.inputs_done
        last = deque(islice(journal.records(), num_noted), maxlen=1)
        for _ in range(num_noted):
            names.add(video)
        if last and END in last[0]:
            advance(max(num_noted - 2, 0))  # a skipped video has the last note alone
            return
        num_frames = max(num_noted - 1, 0)
        advance(num_frames)

        def note(record: Record) -> None:
            journal.add(record)
            names.add(video)

        try:
            reader = VideoReader(video)
        except (DataError, MissingFileError) as error:
            if not self.skip_errors:
                raise
            logger.warning('skipped: %s', error)
            note({END: str(error)})
        else:
            if not num_noted:
                note({RATE: reader.frames_per_second})
            for frame, people in self._follow(reader, journal, num_frames):
                note(stored(frame, people))
                if names.count % NOTED == 0:
                    journal.mark_done(names)
                advance(1)
            note({END: None})
        journal.mark_done(names)

    def _follow(self, reader: VideoReader, journal: Journal, num_frames: int
                ) -> Iterator[TrackedFrame]:
        """The frames behind the first ones, which are played from the journal."""
        known = islice(journal.records(), 1, 1 + num_frames)
        replay = Replay(known, self.predictor, self.people)
        new = in_background(islice(reader, num_frames, None), AHEAD)
        found = follow(replay.frames(reader.path, new), replay.predict, replay.find_people,
                       self.detect_every)
        return islice(found, num_frames, None)

    # -------------------------------------------------------------------------------- finishing

    def _finished(self, video: str, journal: Journal, frames: Iterable[Frame] | None = None
                  ) -> Iterator[Finished]:
        """The frames of a video as they are written, with their people tracked and smoothed.

        Args:
            video: Its path.
            journal: The people that were found.
            frames: The frames with their images, if they are needed.
        """
        records = journal.records()
        first = next(records)
        if END in first:
            yield None, failure_record(video, DataError(first[END]))
            return
        pairs = (restored(record, video) for record in records if END not in record)
        if frames is not None:
            pairs = ((frame, people) for frame, (_, people) in zip(frames, pairs))
        for found in self._tracked(pairs, first[RATE]):
            yield found, record_of(*found)

    def _tracked(self, found: Iterable[TrackedFrame], frames_per_second: float
                 ) -> Iterator[TrackedFrame]:
        """Frames whose people have ids and are smoothed, as far as the job does so."""
        if self.tracking is None:
            return iter(found)
        tracker = Tracker(self.tracking, frames_per_second)
        with_ids = (_with_ids(frame, people, tracker) for frame, people in found)
        if self.smoothing == 'savgol':
            return savitzky_golay(with_ids)
        if self.smoothing == 'one-euro':
            smooth = OneEuro()
            return (_smoothed(frame, people, smooth) for frame, people in with_ids)
        return with_ids

    def _draw(self, video: str, journal: Journal) -> None:
        """Write the video with the poses in it, if it is wanted."""
        path = (self.drawings or {}).get(video)
        if path is None or self.drawer is None or END in next(journal.records()):
            return
        reader = VideoReader(video)
        with VideoWriter(path, reader.frames_per_second, overwrite=True) as writer:
            for found, _ in self._finished(video, journal, reader):
                if found is not None:
                    writer.write(self.drawer(*found), found[0].seconds)


def _with_ids(frame: Frame, people: InstanceData, tracker: Tracker) -> TrackedFrame:
    people.track_ids = tracker(people.bboxes_xyxy, box_scores(people), frame.seconds)
    return frame, people


def _smoothed(frame: Frame, people: InstanceData, smooth: OneEuro) -> TrackedFrame:
    sides = people.bboxes_xyxy[:, 2:] - people.bboxes_xyxy[:, :2]
    smoothed = people.clone()
    smoothed.keypoints = smooth(people.track_ids, people.keypoints, np.sqrt(sides.prod(1)),
                                frame.seconds or 0.)
    return frame, smoothed
