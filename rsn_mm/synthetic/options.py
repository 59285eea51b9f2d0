"""What a generated dataset is made from: everything that changes a single byte of it."""

from dataclasses import asdict, dataclass

from rsn_mm.errors import OptionError

#: Changes whenever the same options would give other pictures or other annotations.
GENERATOR_VERSION = 1

SPLITS = ('train', 'val')
FORMATS = ('coco', 'mpii')

#: The identity buffer holds 8 bits: 32 parts a person, and one block of 32 for things.
MAX_PEOPLE = 7
MIN_SIDE = 96
MAX_SIDE = 2048


def _is_int(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class SceneOptions:
    """The look and the difficulty of the generated images.

    Args:
        size_wh: Image width and height in pixels.
        people_max: Most people in an image, 1 to 7; there is always at least one.
        occlusion: 0 (people apart, nothing in front of them) to 1 (people overlap, and every
            image has an object in the foreground).
        pose_variety: 0 (everybody stands and faces the camera) to 1 (all poses, all views).
        degradation: 0 (clean) to 1 (strong noise, blur and poor exposure).

    Raises:
        OptionError: A value is out of its range; the message names it.
    """

    size_wh: tuple[int, int] = (320, 256)
    people_max: int = 3
    occlusion: float = 0.7
    pose_variety: float = 0.5
    degradation: float = 0.3

    def __post_init__(self):
        size = tuple(self.size_wh)
        if len(size) != 2 or not all(_is_int(v) and MIN_SIDE <= v <= MAX_SIDE for v in size):
            raise OptionError(f'size_wh: expected (width, height), two integers from {MIN_SIDE} to '
                              f'{MAX_SIDE}, got {self.size_wh!r}')
        object.__setattr__(self, 'size_wh', size)
        if not _is_int(self.people_max) or not 1 <= self.people_max <= MAX_PEOPLE:
            raise OptionError(f'people_max: expected an integer from 1 to {MAX_PEOPLE}, '
                              f'got {self.people_max!r}')
        for name in ('occlusion', 'pose_variety', 'degradation'):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not 0 <= value <= 1:
                raise OptionError(f'{name}: expected a number from 0 to 1, got {value!r}')
            object.__setattr__(self, name, float(value))


@dataclass(frozen=True)
class SplitOptions:
    """One split of a dataset on disk.

    Args:
        split: ``'train'`` or ``'val'``; the two never share a random number.
        num_images: Number of images, at least 1.
        seed: Seed of the whole dataset, a non-negative integer. Image ``i`` depends on (seed,
            split, i) and the scene options alone, so a larger split begins with a smaller one.
        format: ``'coco'`` or ``'mpii'``.
        scene: Look and difficulty.

    Raises:
        OptionError: A value is out of its range; the message names it.
    """

    split: str
    num_images: int
    seed: int = 0
    format: str = 'coco'
    scene: SceneOptions = SceneOptions()

    def __post_init__(self):
        for name, allowed in (('split', SPLITS), ('format', FORMATS)):
            if getattr(self, name) not in allowed:
                raise OptionError(f'{name}: expected one of {allowed}, got {getattr(self, name)!r}')
        for name, least in (('num_images', 1), ('seed', 0)):
            value = getattr(self, name)
            if not _is_int(value) or value < least:
                raise OptionError(f'{name}: expected an integer of at least {least}, got {value!r}')

    def as_record(self) -> dict:
        """Return the options and the generator's version as plain JSON values."""
        record = asdict(self)
        record.update(record.pop('scene'), size_wh=list(self.scene.size_wh))
        return dict(generator_version=GENERATOR_VERSION, **record)
