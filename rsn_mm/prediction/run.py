"""The way of many images through reading, finding people, cutting them out and the network.

Each step is a thread, and hands on groups of frames. What a group becomes depends on nothing but
the inputs in it, so that a run that went on after an interruption gives the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from threading import Lock
from typing import Any

import cv2
import numpy as np
from mmengine.structures import InstanceData

from rsn_mm.errors import DataError, RsnMmError

from .frames import Frame
from .people import People
from .predictor import Predictor
from .side_by_side import in_background, mapped
from .sources import Input, read_frame

#: Groups that wait before each step.
AHEAD = 1


@dataclass(eq=False)
class Item:
    """A frame on its way, or an input that has failed.

    Args:
        source: Where it comes from.
        frame: The frame.
        crops: What the network gets.
        people: What was predicted.
        error: Why there is nothing of the above.
    """

    source: Input
    frame: Frame | None = None
    crops: list[dict] = field(default_factory=list)
    people: InstanceData | None = None
    error: RsnMmError | None = None


@dataclass(frozen=True)
class Steps:
    """How inputs become poses.

    Args:
        predictor: Holds the network.
        people: Finds the people.
        group_size: Number of images that go together through all steps.
        batch_size: Number of people in a batch of the network.
        readers: Number of threads that read and decode.
        keep_images: Whether frames are needed after their people were cut out.
        read: Reads the frame of an input, in place of :func:`.sources.read_frame`.
    """

    predictor: Predictor
    people: People
    group_size: int
    batch_size: int
    readers: int = 2
    keep_images: bool = True
    read: Callable[[Any], Frame] | None = None

    def run(self, sources: Iterable[Input]) -> Iterator[list[Item]]:
        """Bring inputs through all steps; yields them in groups, in their order."""
        items = mapped(partial(_read, self.read or read_frame), sources, self.readers,
                       ahead=self.group_size)
        groups = in_background(_grouped(items, self.group_size), AHEAD)
        # A CUDA graph cannot be captured while another thread uses the GPU.
        one_at_a_time = Lock() if self.predictor.device.type == 'cuda' else nullcontext()
        cut_out = in_background((self._cut_out(group, one_at_a_time) for group in groups), AHEAD)
        return in_background((self._predict(group, one_at_a_time) for group in cut_out), AHEAD)

    def _cut_out(self, group: list[Item], device: AbstractContextManager) -> list[Item]:
        """Find the people of a group and cut them out."""
        frames = [item.frame for item in group if item.frame is not None]
        with device:
            found = iter(self._find_people(frames))
        for item in group:
            if item.frame is None:
                continue
            boxes = next(found)
            if isinstance(boxes, RsnMmError):
                item.error = boxes
                continue
            try:
                item.crops = self.predictor.crops(item.frame, boxes, item.frame.name)
            except RsnMmError as error:
                item.error = error
            if not self.keep_images:  # an image of this size that takes no memory
                item.frame.image = np.broadcast_to(np.uint8(0), item.frame.image.shape)
        return group

    def _find_people(self, frames: Sequence[Frame]) -> list[np.ndarray | None | RsnMmError]:
        """The boxes of frames; of a frame that the detector cannot take, the error."""
        try:
            return [*self.people(frames)] if frames else []
        except cv2.error as error:
            if len(frames) > 1:
                return [boxes for frame in frames for boxes in self._find_people([frame])]
            return [DataError(f'{frames[0].name}: an image of {frames[0].size_wh} pixels (width, '
                              f'height) that the detector cannot take ({error.err})')]

    def _predict(self, group: list[Item], device: AbstractContextManager) -> list[Item]:
        """Predict the people of a group."""
        good = [item for item in group if item.error is None]
        with device:
            found = self.predictor.predict_crops([item.crops for item in good], self.batch_size)
        for item, people in zip(good, found):
            item.people, item.crops = people, []
        return group


def _read(read: Callable[[Input], Frame], source: Input) -> Item:
    try:
        return Item(source, read(source))
    except RsnMmError as error:
        return Item(source, error=error)


def _grouped(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while group := list(islice(items, size)):
        yield group
