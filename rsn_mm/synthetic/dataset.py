"""The dataset that makes itself on first use."""

from pathlib import Path

from mmpose.datasets.datasets import CocoDataset

from rsn_mm.errors import OptionTypeError
from rsn_mm.registry import DATASETS

from .options import SceneOptions, SplitOptions
from .writer import IMAGE_FOLDER, annotation_path, write_split

#: Images of a split where no number is given.
DEFAULT_NUM_IMAGES = dict(train=1500, val=200)


@DATASETS.register_module()
class SyntheticCocoDataset(CocoDataset):
    """Generated people with COCO's 17 keypoints, written to disk when they are first needed.

    An evaluator finds the annotations in ``data_root/split/annotations.json``. Processes that
    start together make the data once.

    Args:
        data_root: Folder of the generated data.
        split: ``'train'`` or ``'val'``.
        num_images: Number of images, by default 1500 for training and 200 for validation.
        seed: Seed of the generator.
        scene: Options of :class:`SceneOptions`, for example ``dict(people_max=1)``.
        workers: Processes that draw, by default one per processor.
        **kwargs: Further arguments of MMPose's ``CocoDataset``, except ``ann_file`` and
            ``data_prefix``, which follow from ``data_root`` and ``split``.

    Raises:
        OptionTypeError: An argument is not known, or follows from another.
        OptionError: A value is out of its range, or ``data_root`` holds data of other options.

    Example:
        >>> people = rsn_mm.datasets.SyntheticCocoDataset(
        ...     'people', num_images=2, workers=1, scene=dict(size_wh=(96, 96), people_max=1))
        loading annotations ... index created!
        >>> len(people), people[0]['keypoints'].shape  # persons; joints of one of them
        (2, (1, 17, 2))
    """

    def __init__(self, data_root: str = 'data/synthetic', split: str = 'train',
                 num_images: int | None = None, seed: int = 0, scene: dict | None = None,
                 workers: int | None = None, **kwargs):
        for name in ('ann_file', 'data_prefix'):
            if name in kwargs:
                raise OptionTypeError(f'{name}: follows from data_root and split, do not give it '
                                      f'(got {kwargs[name]!r})')
        self._options = SplitOptions(
            split=split, seed=seed,
            num_images=DEFAULT_NUM_IMAGES.get(split, 1) if num_images is None else num_images,
            scene=SceneOptions(**(scene or {})))
        self._workers = workers
        super().__init__(ann_file=str(annotation_path('', split)), data_root=str(data_root),
                         data_prefix=dict(img=str(Path(split) / IMAGE_FOLDER)), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Make the data if they are missing, then read them as COCO."""
        write_split(self.data_root, self._options, self._workers)
        return super().load_data_list()
