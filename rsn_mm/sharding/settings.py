"""What a worker predicts with, as it can be sent to another machine."""

import hashlib
import json
import os
from dataclasses import dataclass, replace
from typing import Any

from rsn_mm.configuration import read_config
from rsn_mm.errors import OptionError
from rsn_mm.optimization import DTYPES
from rsn_mm.prediction.box_files import BoxFile
from rsn_mm.prediction.detectors import PERSON, Detector
from rsn_mm.prediction.loading import TORCH
from rsn_mm.prediction.people import People, whole_images

from .sources import checksum


@dataclass(frozen=True)
class ShardSettings:
    """What a worker predicts with.

    People are in the boxes of the manifest, unless ``detector``, ``box_file`` or ``whole_image``
    says otherwise.

    Args:
        config: Config of the network.
        checkpoint: Its weights.
        device: Its device; by default the GPU if there is one.
        optimize: ``'fp32'``, ``'bf16'`` or ``'fp16'``.
        runtime: What computes the network.
        batch_size: Number of people in a batch, and of images in one of the detector.
        detector: Config and checkpoint of a detector of mmdet.
        category: What the detector finds, by its name or label.
        box_thr: People whom the detector gives a lower score are left out.
        box_file: File of boxes, see :class:`rsn_mm.prediction.box_files.BoxFile`.
        whole_image: Each image is one person.
        skip_errors: Go on behind images that cannot be used.

    Raises:
        OptionError: If more than one of the above says where people are, or an option has a wrong
            value.
    """

    config: str
    checkpoint: str
    device: str | None = None
    optimize: str = 'fp32'
    runtime: str = TORCH
    batch_size: int = 16
    detector: tuple[str, str] | None = None
    category: str = PERSON
    box_thr: float = 0.3
    box_file: str | None = None
    whole_image: bool = False
    skip_errors: bool = False

    def __post_init__(self) -> None:
        if sum((self.detector is not None, self.box_file is not None, self.whole_image)) > 1:
            raise OptionError('expected only one of detector, box_file and whole_image')
        if self.optimize not in DTYPES:
            raise OptionError(f'optimize={self.optimize!r}, expected one of {", ".join(DTYPES)}')
        if isinstance(self.batch_size, bool) or self.batch_size < 1:
            raise OptionError(f'batch_size={self.batch_size!r}, expected 1 or more')

    @property
    def wants_boxes(self) -> bool:
        """Whether the boxes are those of the manifest."""
        return self.detector is None and self.box_file is None and not self.whole_image

    def check_boxes(self, has_boxes: bool, name: str) -> None:
        """Refuse a manifest that lacks boxes, or has boxes where people are found otherwise.

        Raises:
            OptionError: If it is so.
        """
        if self.wants_boxes and not has_boxes:
            raise OptionError(f'{name} has no boxes: a detector, a file of boxes, or whole images '
                              'must say where the people are')
        if has_boxes and not self.wants_boxes:
            raise OptionError(f'{name} has boxes; remove them to find people otherwise')

    def people(self) -> People | None:
        """What finds the people; ``None`` if rows have boxes."""
        if self.detector is not None:
            config, checkpoint = self.detector
            return Detector(read_config(config), checkpoint, self.device, self.category,
                            self.box_thr)
        if self.box_file is not None:
            return BoxFile(self.box_file)
        return whole_images if self.whole_image else None

    def absolute(self) -> 'ShardSettings':
        """The same with absolute paths, for workers that have another current folder."""
        return replace(self, config=_absolute(self.config), checkpoint=_absolute(self.checkpoint),
                       box_file=self.box_file and _absolute(self.box_file),
                       detector=self.detector and (_absolute(self.detector[0]),
                                                   _absolute(self.detector[1])))

    def identity(self) -> dict[str, Any]:
        """What the results depend on; files count by their content.

        Raises:
            MissingFileError: If a file does not exist.
            OptionError: If a config cannot be read.
        """
        found = dict(config=_config_checksum(self.config), checkpoint=_content(self.checkpoint),
                     optimize=self.optimize, runtime=self.runtime, batch_size=self.batch_size,
                     people='boxes of the manifest')
        if self.detector is not None:
            config, checkpoint = self.detector
            found |= dict(people=f'detector of {self.category}, scores from {self.box_thr}',
                          detector_config=_config_checksum(config), detector=_content(checkpoint))
        elif self.box_file is not None:
            found |= dict(people='file of boxes', boxes=checksum(self.box_file))
        elif self.whole_image:
            found |= dict(people='whole images')
        return found


def _absolute(name: str) -> str:
    return os.path.abspath(name) if os.path.isfile(name) else name


def _config_checksum(name: str) -> str:
    """A checksum of a config with all that it takes from other files."""
    text = json.dumps(read_config(name).to_dict(), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _content(name: str) -> str:
    """A checksum of a file; something else, such as a web address, stands for itself."""
    return checksum(name) if os.path.isfile(name) else name


def _plain(value: Any) -> str:
    return getattr(value, '__qualname__', type(value).__qualname__)
