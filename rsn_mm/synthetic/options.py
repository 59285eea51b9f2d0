"""What a generated dataset is made from: everything that changes a single byte of it."""

from dataclasses import asdict, dataclass

from rsn_mm.errors import OptionError

from .body import MAX_PEOPLE

#: Changes whenever the same options would give other pictures or other annotations.
GENERATOR_VERSION = 1

SPLITS = ('train', 'val')
FORMATS = ('coco', 'mpii')

#: Width and height of an image in pixels.
MIN_SIDE, MAX_SIDE = 96, 2048


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _require(fits: bool, name: str, value: object, expected: str) -> None:
    if not fits:
        raise OptionError(f'{name}: expected {expected}, got {value!r}')


@dataclass(frozen=True)
class SceneOptions:
    """The look and the difficulty of the generated images.

    Raises:
        OptionError: A value is out of its range; the message names it.
    """

    size_wh: tuple[int, int] = (320, 256)  #: width and height in pixels
    people_max: int = 3  #: most people in an image, 1 to 7; there is always at least one
    #: 0 (people apart, nothing in front of them) to 1 (people overlap, with things in front)
    occlusion: float = 0.7
    pose_variety: float = 0.5  #: 0 (all stand and face the camera) to 1 (all poses and views)
    degradation: float = 0.3  #: 0 (clean) to 1 (strong noise, blur and poor exposure)

    def __post_init__(self):
        object.__setattr__(self, 'size_wh', tuple(self.size_wh))
        fits = [_is_int(side) and MIN_SIDE <= side <= MAX_SIDE for side in self.size_wh]
        _require(fits == [True, True], 'size_wh', self.size_wh,
                 f'(width, height), two integers from {MIN_SIDE} to {MAX_SIDE}')
        _require(_is_int(self.people_max) and 1 <= self.people_max <= MAX_PEOPLE, 'people_max',
                 self.people_max, f'an integer from 1 to {MAX_PEOPLE}')
        for name in ('occlusion', 'pose_variety', 'degradation'):
            value = getattr(self, name)
            is_number = _is_int(value) or isinstance(value, float)
            _require(is_number and 0 <= value <= 1, name, value, 'a number from 0 to 1')
            object.__setattr__(self, name, float(value))


@dataclass(frozen=True)
class SplitOptions:
    """One split of a dataset on disk.

    Image ``i`` depends on the seed, the split, ``i`` and the scene options alone, so a larger
    split begins with a smaller one, and two splits never share a random number.

    Raises:
        OptionError: A value is out of its range; the message names it.
    """

    split: str  #: ``'train'`` or ``'val'``
    num_images: int
    seed: int = 0  #: of the whole dataset, not negative
    format: str = 'coco'  #: or ``'mpii'``
    scene: SceneOptions = SceneOptions()

    def __post_init__(self):
        for name, allowed in (('split', SPLITS), ('format', FORMATS)):
            value = getattr(self, name)
            _require(value in allowed, name, value, f'one of {allowed}')
        for name, least in (('num_images', 1), ('seed', 0)):
            value = getattr(self, name)
            _require(_is_int(value) and value >= least, name, value,
                     f'an integer of at least {least}')

    def as_record(self) -> dict:
        """Return the options and the generator's version as plain JSON values."""
        record = asdict(self)
        record.update(record.pop('scene'), size_wh=list(self.scene.size_wh))
        return dict(generator_version=GENERATOR_VERSION, **record)
