"""Cuts one box out of the image at several input sizes."""

from collections.abc import Sequence

from mmcv.transforms import BaseTransform
from mmpose.datasets.transforms import PackPoseInputs, TopdownAffine

from rsn_mm.errors import OptionError
from rsn_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackInputSizes(BaseTransform):
    """Cut the box out once per input size, and pack the images for ``rsn_mm.Ensemble``.

    It takes the place of MMPose's ``TopdownAffine`` and ``PackPoseInputs``, and does for each size
    what they would do. The required keys are theirs. The result has ``inputs``, a dict of images
    (3, H, W) with the sizes (W, H) as keys, and ``data_samples``, which describes the first size.

    Args:
        input_sizes: Sizes (W, H), all of the same aspect ratio.

    Raises:
        OptionError: If the sizes are not as described.

    Example:
        >>> pack = rsn_mm.datasets.transforms.PackInputSizes([(48, 64), (72, 96)])
        >>> packed = pack(dict(
        ...     img=np.zeros((90, 120, 3), np.uint8), bbox_center=np.array([[50., 45.]]),
        ...     bbox_scale=np.array([[40., 60.]]), keypoints=np.zeros((1, 17, 2))))
        >>> [(size, tuple(image.shape)) for size, image in packed['inputs'].items()]
        [((48, 64), (3, 64, 48)), ((72, 96), (3, 96, 72))]
    """

    def __init__(self, input_sizes: Sequence[Sequence[int]]) -> None:
        sizes = [tuple(size) for size in input_sizes]
        if not sizes or any(len(size) != 2 or min(size) < 1 for size in sizes):
            raise OptionError(f'PackInputSizes: input_sizes={input_sizes}, expected a list of '
                              '(width, height)')
        if len(set(sizes)) != len(sizes):
            raise OptionError(f'PackInputSizes: input_sizes={sizes} has a size twice')
        width, height = sizes[0]
        if any(w * height != h * width for w, h in sizes):
            raise OptionError(f'PackInputSizes: input_sizes={sizes} have different aspect ratios, '
                              'so that they do not show the same box')
        self.input_sizes = sizes
        self._affines = [TopdownAffine(size) for size in sizes]
        self._pack = PackPoseInputs()

    def transform(self, results: dict) -> dict:
        # Each size starts from a copy of the same sample.
        packed = [self._pack(affine(dict(results))) for affine in self._affines]
        return dict(inputs={size: one['inputs'] for size, one in zip(self.input_sizes, packed)},
                    data_samples=packed[0]['data_samples'])
