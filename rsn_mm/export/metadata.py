"""What an exported file says about itself, so that a program needs nothing but the file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from rsn_mm.errors import ExportError
from rsn_mm.version import __version__

#: Begins the name of every property of this package.
PREFIX = 'rsn_mm.'
#: What a file takes and gives.
INPUT_TYPES = ('uint8', 'float32')
OUTPUTS = ('keypoints', 'heatmaps')
#: Transforms of a test pipeline that move no pixel.
NEUTRAL = ('LoadImage', 'PackPoseInputs')


@dataclass(frozen=True)
class Metadata:
    """The properties of an exported file.

    In the file, each is one string property in JSON, whose name has the prefix ``rsn_mm.``.

    Example:
        >>> from rsn_mm.export.metadata import Metadata
        >>> metadata = Metadata(
        ...     input_size=(48, 64), input_type='uint8', normalize=True, mean=(0., 0., 0.),
        ...     std=(1., 1., 1.), color_order='BGR', output='keypoints', flip_test=False,
        ...     keypoints=('left', 'right'), skeleton=((0, 1), ), flip_pairs=((0, 1), ),
        ...     box_extension=(0.25, 0.25), config='')
        >>> metadata.to_properties()['rsn_mm.flip_pairs']
        '[[0, 1]]'
        >>> Metadata.from_properties(metadata.to_properties(), 'model.onnx') == metadata
        True
    """

    input_size: tuple[int, int]  #: (W, H) of the input in pixels
    input_type: str  #: one of :data:`INPUT_TYPES`
    normalize: bool  #: whether the file normalizes the image; otherwise its input is normalized
    mean: tuple[float, ...]  #: of each channel, in the order in which the network sees them
    std: tuple[float, ...]  #: of each channel, as ``mean``
    color_order: str  #: the order of the input's channels, ``'BGR'`` or ``'RGB'``
    output: str  #: one of :data:`OUTPUTS`
    flip_test: bool  #: whether the result is the mean with that of the mirrored image
    keypoints: tuple[str, ...]  #: names of the joints
    skeleton: tuple[tuple[int, int], ...]  #: pairs of joints that are connected
    flip_pairs: tuple[tuple[int, int], ...]  #: pairs of joints that a mirror exchanges
    #: Fractions of width and height that a box grows by, before it grows to the aspect ratio of the
    #: input; ``None`` where the test pipeline of the config has another rule.
    box_extension: tuple[float, float] | None
    config: str  #: text of the config, for the reader
    version: str = __version__  #: of this package

    @classmethod
    def property_names(cls) -> list[str]:
        """Names of all properties in a file."""
        return [PREFIX + field.name for field in fields(cls)]

    def to_properties(self) -> dict[str, str]:
        """All properties as strings, by their name in the file."""
        return {PREFIX + name: json.dumps(value) for name, value in asdict(self).items()}

    @classmethod
    def from_properties(cls, properties: Mapping[str, str], path: object) -> 'Metadata':
        """The metadata in the properties of a file.

        Args:
            properties: All string properties of the file.
            path: The file, for the message.

        Raises:
            ExportError: If a property is missing or cannot be read.
        """
        missing = [name for name in cls.property_names() if name not in properties]
        if missing:
            raise ExportError(f'{path} was not exported by rsn_mm: it has no property {missing[0]}')
        try:
            return cls(**{f.name: _as_tuples(json.loads(properties[PREFIX + f.name]))
                          for f in fields(cls)})
        except ValueError as error:
            raise ExportError(f'{path} has properties that cannot be read: {error}') from error


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def joints_of(dataset_meta: Mapping | None, num_joints: int) -> dict[str, Any]:
    """Names, skeleton and mirrored pairs of the joints.

    Args:
        dataset_meta: MMPose's description of the dataset; without it joints are numbered.
        num_joints: Number of joints.

    Raises:
        ExportError: If the dataset has another number of joints.
    """
    if dataset_meta is None:
        return dict(keypoints=tuple(map(str, range(num_joints))), skeleton=(), flip_pairs=())
    names = dataset_meta['keypoint_id2name']
    if len(names) != num_joints:
        raise ExportError(f'the dataset has {len(names)} joints, the model {num_joints}')
    return dict(
        keypoints=tuple(names[i] for i in range(num_joints)),
        skeleton=tuple((int(a), int(b)) for a, b in dataset_meta['skeleton_links']),
        flip_pairs=tuple((i, int(j)) for i, j in enumerate(dataset_meta['flip_indices']) if i < j))


def box_extension(pipeline: Sequence[Mapping]) -> tuple[float, float] | None:
    """The fractions of width and height by which a test pipeline extends a box.

    Returns:
        Fractions of width and height, or ``None`` if the pipeline does anything else to a box than
        to extend it and to cut it out upright.
    """
    factors, is_cut_out = [1., 1.], False
    for transform in pipeline:
        name = str(transform['type']).removeprefix('rsn_mm.')
        if name == 'ExtendBBox' and not transform.get('random') and not is_cut_out:
            factors = [f * (1 + extra) for f, extra in zip(factors, transform.get('fixed', (0, 0)))]
        elif name == 'GetBBoxCenterScale' and not is_cut_out:
            factors = [f * transform.get('padding', 1.25) for f in factors]
        elif name == 'TopdownAffine' and not transform.get('use_udp'):
            is_cut_out = True
        elif name not in NEUTRAL:
            return None
    return (round(factors[0] - 1, 9), round(factors[1] - 1, 9)) if is_cut_out else None
