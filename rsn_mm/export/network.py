"""The network that a file holds: from images to keypoints, in operations that can be exported."""

from collections.abc import Sequence
from typing import Any

import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.models.utils.tta import flip_heatmaps
from torch import Tensor, nn

from rsn_mm.codecs import RSNHeatmap
from rsn_mm.errors import ExportError, OptionError, OptionTypeError
from rsn_mm.optimization.estimator import check_estimator, fold

from .metadata import INPUT_TYPES, OUTPUTS

#: Names of the input and of the outputs in a file.
INPUT_NAME = 'images'
OUTPUT_NAMES = dict(keypoints=('keypoints', 'scores'), heatmaps=('heatmaps', ))


class ExportedNetwork(nn.Module):
    """The test-time form of an estimator, from a batch of images to the result.

    Args:
        model: The estimator. It is not changed.
        input_type: Type of the images, ``'uint8'`` or ``'float32'``.
        normalize: Whether images are normalized here, as the model's data preprocessor does. Then
            their channels are in BGR. Otherwise images must be given as the network sees them.
        output: ``'keypoints'`` or ``'heatmaps'``.
        flip_indices: For each joint the joint that a mirror makes of it; the result is then the
            mean with that of the mirrored image. ``None`` for no flip test.

    Shapes: (B, 3, H, W) to (B, K, 2), x, y in input pixels, and (B, K), the scores; with
    ``output='heatmaps'`` to (B, K, h, w) in 0..255.

    Raises:
        OptionError, OptionTypeError: If an option is not as described, or the model is of another
            kind.
        ExportError: If the model's flip test or data preprocessor cannot be exported.
    """

    def __init__(self, model: TopdownPoseEstimator, input_type: str = 'uint8',
                 normalize: bool = True, output: str = 'keypoints',
                 flip_indices: Sequence[int] | None = None) -> None:
        super().__init__()
        for name, value, choices in (('input_type', input_type, INPUT_TYPES),
                                     ('output', output, OUTPUTS)):
            if value not in choices:
                raise OptionError(f'export: {name}={value!r}, expected one of {choices}')
        if input_type == 'uint8' and not normalize:
            raise OptionError("export: normalize=False needs input_type='float32'")
        check_estimator(model, 'export')
        self.codec = model.head.decoder
        if not isinstance(self.codec, RSNHeatmap):
            raise OptionTypeError(f'export: the codec is {type(self.codec).__name__}, expected '
                                  'RSNHeatmap')
        if flip_indices is not None and model.test_cfg.get('flip_mode', 'heatmap') != 'heatmap':
            raise ExportError(f'flip_mode={model.test_cfg["flip_mode"]!r} cannot be exported, '
                              "expected 'heatmap'")
        self.estimator = fold(model).float().cpu()
        self.estimator.data_preprocessor = None
        self.input_type = input_type
        self.output = output
        self.flip_indices = None if flip_indices is None else list(map(int, flip_indices))
        self.shift_heatmap = model.test_cfg.get('shift_heatmap', False)
        self.normalization = Normalization(model.data_preprocessor) if normalize else nn.Identity()

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        heatmaps = self._heatmaps(self.normalization(images))
        return heatmaps if self.output == 'heatmaps' else self.codec.locate_together(heatmaps)

    def _heatmaps(self, images: Tensor) -> Tensor:
        if self.flip_indices is None:
            return self._forward_last(images)
        both = self._forward_last(torch.cat((images, images.flip(-1))))
        heatmaps, mirrored = both.unflatten(0, (2, -1)).unbind()
        return (heatmaps + flip_heatmaps(mirrored, self.flip_indices,
                                         shift_heatmap=self.shift_heatmap)) * 0.5

    def _forward_last(self, images: Tensor) -> Tensor:
        estimator: Any = self.estimator
        return estimator.head.forward_last(estimator.extract_feat(images))

    def example(self, batch_size: int) -> Tensor:
        """A batch of random images, always the same."""
        width, height = self.codec.input_size
        images = torch.randint(0, 256, (batch_size, 3, height, width), dtype=torch.uint8,
                               generator=torch.Generator().manual_seed(0))
        if self.input_type == 'uint8':
            return images
        return images.float() if isinstance(self.normalization, Normalization) else (
            (images.float() - 128) / 64)


class Normalization(nn.Module):
    """What a data preprocessor does to the images of a batch.

    Args:
        preprocessor: MMPose's data preprocessor.

    Shapes: (B, 3, H, W) in 0..255, uint8 or float32, to the same, float32.

    Raises:
        ExportError: If the preprocessor pads images.
    """

    rsn_mm_input_mean: Tensor
    rsn_mm_input_std: Tensor

    def __init__(self, preprocessor: Any) -> None:
        super().__init__()
        divisor = getattr(preprocessor, 'pad_size_divisor', 1)
        if divisor != 1:
            raise ExportError(f'the data preprocessor has pad_size_divisor={divisor}, which cannot '
                              'be exported, expected 1')
        mean, std = statistics(preprocessor)
        self.exchange_channels = exchanges_channels(preprocessor)
        # The exporter has mixed up buffers whose names clash with others: these are distinctive.
        self.register_buffer('rsn_mm_input_mean', torch.tensor(mean)[:, None, None])
        self.register_buffer('rsn_mm_input_std', torch.tensor(std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        images = images.float()
        if self.exchange_channels:
            images = images.flip(1)
        return (images - self.rsn_mm_input_mean) / self.rsn_mm_input_std


def statistics(preprocessor: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel; 0 and 1 where nothing is normalized."""
    if not getattr(preprocessor, '_enable_normalize', False):
        return (0., 0., 0.), (1., 1., 1.)
    return tuple(preprocessor.mean.flatten().tolist()), tuple(preprocessor.std.flatten().tolist())


def exchanges_channels(preprocessor: Any) -> bool:
    """Whether a preprocessor turns BGR into RGB."""
    return bool(getattr(preprocessor, '_channel_conversion', False))
