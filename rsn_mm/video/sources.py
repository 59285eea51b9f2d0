"""Which inputs of a command are videos or a camera."""

import os
from collections.abc import Sequence
from glob import glob, has_magic

from rsn_mm.errors import MissingFileError, OptionError

#: Endings of the files that are taken for videos.
VIDEO_ENDINGS = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.mts', '.ts', '.webm',
                 '.wmv')


def find_videos(arguments: Sequence[str]) -> list[str] | int | None:
    """The videos or the camera that arguments name.

    Args:
        arguments: Paths, patterns such as ``'clips/*.mp4'``, or the number of a camera.

    Returns:
        The paths of the videos in order, or the number of the camera; ``None`` if no argument is
        either.

    Raises:
        MissingFileError: If no file matches the pattern of videos.
        OptionError: If some arguments are videos and others are not.
    """
    if len(arguments) == 1 and arguments[0].isdecimal() and not os.path.exists(arguments[0]):
        return int(arguments[0])
    are_videos = {each: each.lower().endswith(VIDEO_ENDINGS) and not os.path.isdir(each)
                  for each in arguments}
    if not any(are_videos.values()):
        return None
    for argument, is_video in are_videos.items():
        if not is_video:
            raise OptionError(f'{argument} is not a video and others are: give images and videos '
                              'in calls of their own, and a camera alone')
    return [video for argument in arguments for video in _matching(argument)]


def _matching(argument: str) -> list[str]:
    if not has_magic(argument) or os.path.exists(argument):
        return [argument]
    found = sorted(path for path in glob(argument, recursive=True) if os.path.isfile(path))
    if not found:
        raise MissingFileError(f'{argument}: no file matches the pattern')
    return found
