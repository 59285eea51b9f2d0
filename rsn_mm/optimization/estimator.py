"""The test-time form of an estimator, which makes the same predictions faster."""

import copy
import math
from typing import Any

import torch
from mmcv.cnn import fuse_conv_bn
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.structures import PoseDataSample
from torch import Tensor, nn

from rsn_mm.errors import OptionError, OptionTypeError
from rsn_mm.models import RSN, MultiStageRSNHead
from rsn_mm.processors import warn_of_slow_bfloat16

from .bfloat16 import to_bfloat16
from .cuda_graphs import CudaGraphs
from .packed_conv import pack_convs

#: Types of a test-time form by their short names; float16 is for GPUs.
DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}
#: Input pixels that each CPU thread handles at a time, four images of 256x192. The features of more
#: pixels would leave the cache before the next layer reads them.
PIXELS_PER_THREAD = 4 * 256 * 192


class ImageByImage(nn.Module):
    """Runs a module on one image per thread at a time, on a CPU.

    This is for layers with features so large that those of more images do not fit the cache.

    Args:
        module: A module from (B, ...) to (B, ...) that treats each image independently.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_cpu:
            return self.module(x)
        return torch.cat([self.module(part) for part in x.split(torch.get_num_threads())])


class OptimizedEstimator(TopdownPoseEstimator):
    """An estimator that predicts but does not train, made by :func:`optimize`.

    Example:
        >>> from mmpose.registry import MODELS
        >>> codec = dict(type='rsn_mm.RSNHeatmap', input_size=(48, 64))
        >>> model = MODELS.build(dict(
        ...     type='TopdownPoseEstimator',
        ...     backbone=dict(type='rsn_mm.RSN', num_blocks=(1, 1, 1, 1), unit_channels=16),
        ...     head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=1, unit_channels=16,
        ...               out_channels=17, decoder=codec)))
        >>> tuple(rsn_mm.apis.optimize(model).heatmaps(torch.zeros(2, 3, 64, 48)).shape)
        (2, 17, 16, 12)
    """

    input_dtype: torch.dtype
    graphs: CudaGraphs | None = None  #: replays the network on a GPU

    def heatmaps(self, inputs: Tensor) -> Tensor:
        """The last heatmaps (B, K, H, W), float32, of preprocessed images (B, 3, H, W)."""
        if inputs.is_cuda and self.graphs is not None:
            return self.graphs(self._compute_heatmaps, inputs)
        parts = 1
        if inputs.is_cpu:
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
        raise OptionError('an optimized estimator cannot be trained, because its norms are folded '
                          'into its convolutions; train the original')

    def train(self, mode: bool = True) -> 'OptimizedEstimator':
        return super().train(False)

    def _apply(self, fn: object, recurse: bool = True) -> 'OptimizedEstimator':
        if self.graphs is not None:
            self.graphs.clear()  # the weights move
        return super()._apply(fn, recurse)


def check_estimator(model: object, caller: str) -> None:
    """Refuse everything but an estimator with our head.

    Args:
        model: What was given.
        caller: The function or class that it was given to, for the message.

    Raises:
        OptionTypeError: If the model is of another kind, or its head is.
    """
    if type(model) is not TopdownPoseEstimator:
        raise OptionTypeError(f'{caller}: {type(model).__name__}, expected TopdownPoseEstimator')
    if not isinstance(getattr(model, 'head', None), MultiStageRSNHead):
        raise OptionTypeError(f'{caller}: the head is '
                              f'{type(getattr(model, "head", None)).__name__}, expected '
                              'MultiStageRSNHead')


def fold(model: TopdownPoseEstimator) -> OptimizedEstimator:
    """Copy an estimator, with its batch norms folded into the convolutions before them."""
    fast = copy.deepcopy(model)
    # The class changes only `predict`; parts and settings are the estimator's own.
    fast.__class__ = OptimizedEstimator
    fast.eval()
    for part in _parts(fast):
        fuse_conv_bn(part)
    fast.requires_grad_(False)
    fast.input_dtype = next(model.parameters()).dtype
    return fast


def _parts(model: TopdownPoseEstimator) -> list[Any]:
    """The parts that have weights."""
    return [model.backbone, *([model.neck] if model.with_neck else []), model.head]


def optimize(model: TopdownPoseEstimator, dtype: torch.dtype | None = None,
             compile: bool | dict = False, channels_last: bool = True,
             cuda_graphs: bool = True) -> OptimizedEstimator:
    """Copy an estimator into a form that makes the same predictions faster.

    The result is exact up to rounding. Batch norms are folded into the convolutions before them,
    only the last head is computed, and images and their mirror images go through the network in
    one batch. On a CPU, the weights of convolutions are also kept in the layout of the CPU, and
    large batches are split into parts that fit the cache.

    Args:
        model: An estimator with a :class:`MultiStageRSNHead`. It is not changed.
        dtype: Type of weights and features, one of :data:`DTYPES`; by default that of the model. In
            bfloat16, the few layers and sums that keypoints are most sensitive to stay in float32.
            float16 is for models on a GPU. Its steps are an eighth of those of bfloat16, and it
            ends at 65,504, far above heatmaps of 0..255.
        compile: Compile the network with frozen weights. The first batch of each size then takes
            half a minute or more. A dict is passed to ``torch.compile`` as its arguments.
        channels_last: Compute in the channels-last memory format.
        cuda_graphs: On a GPU, start all kernels of the network at once, see :class:`CudaGraphs`.
            A network with a backbone whose computation depends on the values of its input needs
            ``False``. A compiled network has no graphs of this kind.

    Raises:
        OptionTypeError: If the model is of another kind, its head is of another kind, or ``dtype``
            or ``compile`` is not as described.
    """
    check_estimator(model, 'optimize')
    dtype = dtype or next(model.parameters()).dtype
    if not isinstance(compile, bool | dict):
        raise OptionTypeError(f'optimize: compile={compile!r}, expected True, False or a dict of '
                              'arguments of torch.compile')
    if dtype not in DTYPES.values():
        raise OptionTypeError(
            f'optimize: dtype={dtype}, expected one of {[str(known) for known in DTYPES.values()]}')
    if dtype == torch.float16 and next(model.parameters()).is_cpu:
        raise OptionTypeError('optimize: dtype=torch.float16 for a model on a processor, expected '
                              'a GPU, or torch.float32 or torch.bfloat16')
    if dtype == torch.bfloat16 and next(model.parameters()).is_cpu:
        warn_of_slow_bfloat16('optimize')
    fast: Any = fold(model)
    parts = _parts(fast)
    if compile is False:
        pack_convs(fast)
    fast.input_dtype = dtype
    if dtype == torch.bfloat16:
        fast.input_dtype = to_bfloat16(fast, parts)
    else:
        for part in parts:
            part.to(dtype)
    if compile is False:
        last = fast.head.predictors[-1]
        last[-1] = ImageByImage(last[-1])
        if isinstance(fast.backbone, RSN):
            setattr(fast.backbone, 'stem', ImageByImage(fast.backbone.stem))  # noqa: B010
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    for part in parts:
        part.to(memory_format=memory_format)
    fast.backbone.memory_format = memory_format
    if compile is False and cuda_graphs:
        fast.graphs = CudaGraphs()
    if compile is not False:
        # Frozen weights are constants, which the compiler can bring into the best layout.
        arguments = dict(options=dict(freezing=True)) if compile is True else compile
        fast._compute_heatmaps = torch.compile(
            torch.no_grad()(fast._compute_heatmaps), **arguments)
    return fast
