"""An estimator in its test-time form: the same predictions, sooner."""

import copy
import math

import torch
from mmcv.cnn import fuse_conv_bn
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from rsn_mm.errors import OptionTypeError
from rsn_mm.models import RSN, MultiStageRSNHead

from .bfloat16 import to_bfloat16
from .packed_conv import pack_convs

#: Types of a test-time form, by the name that tools give them.
DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16}
#: Pixels that a thread of a processor takes at a time, four images of 256x192: more features than
#: theirs fall out of its cache before the next layer reads them.
PIXELS_PER_THREAD = 4 * 256 * 192


class ImageByImage(nn.Module):
    """A module that takes an image per thread at a time on a processor.

    For layers whose features are so large that those of more images fall out of its cache.

    Args:
        module: Of (B, ...) to (B, ...), each image for itself.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_cpu:
            return self.module(x)
        return torch.cat([self.module(part) for part in x.split(torch.get_num_threads())])


class OptimizedEstimator(TopdownPoseEstimator):
    """What :func:`optimize` returns: predicts, and does not train."""

    input_dtype: torch.dtype

    def heatmaps(self, inputs: Tensor) -> Tensor:
        """The last heatmaps (B, K, H, W), float32, of preprocessed images (B, 3, H, W)."""
        parts = 1
        if inputs.device.type == 'cpu':
            pixels = inputs[:, 0].numel()
            parts = max(math.ceil(pixels / (torch.get_num_threads() * PIXELS_PER_THREAD)), 1)
        return torch.cat([self._compute_heatmaps(part) for part in inputs.chunk(parts)])

    def _compute_heatmaps(self, inputs: Tensor) -> Tensor:
        return self.head.forward_last(self.extract_feat(inputs.to(self.input_dtype))).float()

    def predict(self, inputs: Tensor, data_samples: list[PoseDataSample]) -> list[PoseDataSample]:
        if self.test_cfg.get('flip_test', False):
            heatmaps, mirrored = self.heatmaps(torch.cat((inputs, inputs.flip(-1)))).chunk(2)
        else:
            heatmaps, mirrored = self.heatmaps(inputs), None
        predictions = self.head.predict_heatmaps(heatmaps, mirrored, data_samples, self.test_cfg)
        instances, fields = predictions if isinstance(predictions, tuple) else (predictions, None)
        return self.add_pred_to_datasample(instances, fields, data_samples)

    def loss(self, inputs: Tensor, data_samples: list[PoseDataSample]) -> dict[str, Tensor]:
        raise RuntimeError('an optimized estimator does not train: its norms are part of its '
                           'convolutions; train the original')

    def train(self, mode: bool = True) -> 'OptimizedEstimator':
        return super().train(False)


def optimize(model: TopdownPoseEstimator, dtype: torch.dtype | None = None,
             compile: bool | dict = False, channels_last: bool = True) -> OptimizedEstimator:
    """A copy of an estimator that predicts the same, faster.

    Exact up to rounding: batch norms are folded into the convolutions before them, on a processor
    the convolutions' weights are kept in its own layout, only the last head is computed, and images
    and their mirror images go through the network together, on a processor in parts of a size that
    its cache holds.

    Args:
        model: With a :class:`MultiStageRSNHead`; left as it is.
        dtype: Of weights and features, ``torch.bfloat16`` or ``torch.float32``; by default the
            model's. float16 overflows on heatmaps of 0..255. In bfloat16 a few layers and sums stay
            in float32, those that keypoints are most sensitive to.
        compile: Compile the network, with its weights frozen; the first batch of a size then takes
            half a minute and more. A dict has the arguments of ``torch.compile`` instead.
        channels_last: Compute in that memory format.

    Raises:
        OptionTypeError: If it is another estimator, the head is not ours, or ``dtype`` or
            ``compile`` is not one of those.
    """
    if type(model) is not TopdownPoseEstimator:
        raise OptionTypeError(f'optimize: {type(model).__name__}, expected TopdownPoseEstimator')
    if not isinstance(getattr(model, 'head', None), MultiStageRSNHead):
        raise OptionTypeError('optimize: the head is '
                              f'{type(getattr(model, "head", None)).__name__}, expected '
                              'MultiStageRSNHead')
    dtype = dtype or next(model.parameters()).dtype
    if not isinstance(compile, bool | dict):
        raise OptionTypeError(f'optimize: compile={compile!r}, expected True, False or a dict of '
                              'arguments of torch.compile')
    if dtype not in DTYPES.values():
        raise OptionTypeError(f'optimize: dtype={dtype}, expected torch.float32 or torch.bfloat16')
    fast = copy.deepcopy(model)
    # The same parts under another `predict`; everything else is the estimator's own.
    fast.__class__ = OptimizedEstimator
    fast.eval()
    fast.requires_grad_(False)
    parts = [fast.backbone, *([fast.neck] if fast.with_neck else []), fast.head]
    for part in parts:
        fuse_conv_bn(part)
    if compile is False:
        pack_convs(fast)
    fast.input_dtype = dtype
    if dtype == torch.bfloat16:
        fast.input_dtype = to_bfloat16(fast, parts)
    if compile is False:
        last = fast.head.predictors[-1]
        last[-1] = ImageByImage(last[-1])
        if isinstance(fast.backbone, RSN):
            fast.backbone.stem = ImageByImage(fast.backbone.stem)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    for part in parts:
        part.to(memory_format=memory_format)
    fast.backbone.memory_format = memory_format
    if compile is not False:
        # Frozen: the weights are constants of the program, in the layout that the compiler likes.
        arguments = dict(options=dict(freezing=True)) if compile is True else compile
        fast._compute_heatmaps = torch.compile(
            torch.no_grad()(fast._compute_heatmaps), **arguments)
    return fast
