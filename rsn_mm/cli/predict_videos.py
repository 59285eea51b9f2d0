"""The part of ``rsn-mm predict`` that is about videos and cameras."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rsn_mm.errors import CommandError, ExistingFileError, RsnMmError
from rsn_mm.files import check_new_file
from rsn_mm.prediction import Predictor
from rsn_mm.prediction.drawing import PoseDrawer
from rsn_mm.prediction.formats import check_format
from rsn_mm.prediction.journal import file_stamp
from rsn_mm.prediction.people import People
from rsn_mm.video import Camera, VideoReader
from rsn_mm.video.job import SMOOTHING, VideoJob, journal_path
from rsn_mm.video.tracking import METHODS
from rsn_mm.video.writer import CONTAINERS

from .predict_progress import EXIT_SKIPPED, show_progress

#: Ending of the videos in a folder of videos.
ENDING = '.mp4'
NONE = 'none'
Result = TypeVar('Result')


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """Add what has an effect on videos and cameras only."""
    group = parser.add_argument_group('videos and cameras')
    group.add_argument('--detect-every', type=int, metavar='N', help='look for people in every '
                       'N-th frame, and where somebody is lost; in between, boxes are carried on '
                       'from the keypoints of the frame before (default 1; with --whole-image, '
                       'only where somebody is lost)')
    group.add_argument('--track', choices=(*METHODS, NONE), help='how people are followed from '
                       'frame to frame (default bytetrack)')
    group.add_argument('--smooth', choices=SMOOTHING, help='smooth the keypoints of each track: '
                       'one-euro looks at earlier frames only, savgol at later ones too')


def refuse_video_options(args: argparse.Namespace) -> None:
    """Refuse the options that have no effect on images."""
    for name in ('detect_every', 'track', 'smooth'):
        if getattr(args, name) is not None:
            raise CommandError(f'--{name.replace("_", "-")} has no effect on images, expected a '
                               'video or the number of a camera')


def check_video_options(args: argparse.Namespace) -> None:
    """Refuse options of which something else was expected."""
    if args.detect_every is not None and args.detect_every < 1:
        raise CommandError(f'--detect-every {args.detect_every}: expected 1 or more')
    if args.detect_every is not None and args.boxes is not None:
        raise CommandError('--detect-every has no effect with --boxes, which has boxes for each '
                           'frame')
    if args.smooth and args.track == NONE:
        raise CommandError('--smooth needs --track')
    if args.heatmaps is not None:
        raise CommandError('--heatmaps draws heatmaps over images, and not over videos')


class VideoOutputs:
    """The files that are written.

    Args:
        args: The options.
        videos: The videos, or the name of the camera.
        results: Name of the file of results in a folder.
        folder: The folder if the options name nothing.

    Raises:
        CommandError: If a file would be written over, or is an input.
    """

    def __init__(self, args: argparse.Namespace, videos: Sequence[str], results: str,
                 folder: Path) -> None:
        drawn: Path | None = args.draw
        if args.output is None and drawn is None:
            drawn = folder
        is_file = drawn is not None and drawn.suffix.lower() in CONTAINERS
        self.drawings: dict[str, Path] = {}
        if is_file and drawn is not None:
            if len(videos) > 1:
                raise CommandError(f'--draw {drawn}: expected a folder for {len(videos)} videos')
            self.drawings = {videos[0]: drawn}
        elif drawn is not None:
            self.drawings = _named(videos, drawn)
        beside = drawn.parent if is_file and drawn is not None else drawn
        self.results: Path = args.output or (beside or folder) / results
        for path in (self.results, *self.drawings.values()):
            if any(path.exists() and os.path.exists(video) and path.samefile(video)
                   for video in videos):
                raise CommandError(f'{path} is an input; choose another name for what is written')

    def check(self, overwrite: bool) -> None:
        """Refuse what cannot be written or would be written over, except by a job that goes on."""
        check_format(self.results)
        goes_on = journal_path(self.results, 0).exists()
        try:
            check_new_file(self.results, 'results', overwrite=overwrite or goes_on)
            for path in self.drawings.values():
                check_new_file(path, 'video', overwrite=overwrite or goes_on)
        except ExistingFileError as error:
            raise CommandError(f'{error}; --force writes over them') from error


def _named(videos: Sequence[str], folder: Path) -> dict[str, Path]:
    """A file in a folder for each video; of the same names, all but the first get a number."""
    named: dict[str, Path] = {}
    for video in videos:
        stem = Path(video).stem.replace(' ', '-')
        count = sum(Path(other).stem.replace(' ', '-') == stem for other in named)
        named.setdefault(video, folder / f'{stem}{f"-{count + 1}" if count else ""}{ENDING}')
    return named


def predict_videos(args: argparse.Namespace, videos: Sequence[str] | int, outputs: VideoOutputs,
                   predictor: Predictor, people: People, drawer: PoseDrawer | None,
                   settings: dict) -> None:
    """Predict videos, or what a camera sees, until it ends or Ctrl-C is pressed."""
    never = sys.maxsize if args.whole_image else 1
    tracking = None if args.track == NONE else args.track or next(iter(METHODS))
    job = VideoJob(predictor, people, outputs.results, args.detect_every or never, tracking,
                   args.smooth, drawer, outputs.drawings, args.skip_errors)
    settings |= dict(detect_every=job.detect_every, track=tracking, smooth=args.smooth)
    if isinstance(videos, int):
        camera = Camera(videos)
        with_camera = settings | dict(process=os.getpid())
        summary = _until_ctrl_c(camera, lambda: show_progress(
            lambda advance: job.watch(camera, with_camera, args.force, advance), None, 'frames'))
    else:
        settings['inputs'] = [file_stamp(video) for video in videos]
        summary = show_progress(lambda advance: job.run(videos, settings, args.force, advance),
                                _total(videos), 'frames')
    skipped = f', {summary.skipped} videos skipped' if summary.skipped else ''
    print(f'{summary.people} people in {summary.images} frames{skipped}: {outputs.results}',
          *(f'video: {path}' for path in outputs.drawings.values() if path.exists()), sep='\n')
    if summary.skipped:
        sys.exit(EXIT_SKIPPED)


def _until_ctrl_c(camera: Camera, run: Callable[[], Result]) -> Result:
    """End the frames of a camera at the first Ctrl-C, and the program at the second."""
    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        camera.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        return run()
    finally:
        signal.signal(signal.SIGINT, before)


def _total(videos: Sequence[str]) -> int | None:
    """The number of all frames, if the files state it."""
    total = 0
    for video in videos:
        try:
            total += VideoReader(video).total or 0
        except RsnMmError:  # it is reported when its turn comes
            continue
    return total or None
