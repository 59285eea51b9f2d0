"""Where keypoints become heatmaps and heatmaps keypoints."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import torch
from mmpose.codecs.base import BaseKeypointCodec
from torch import Tensor
from torch.nn.functional import embedding

from rsn_mm.errors import OptionError
from rsn_mm.registry import KEYPOINT_CODECS

from .gaussian import blur_matrix
from .peaks import PeakFinder

#: Heatmaps run from 0 to this.
HEATMAP_SCALE = 255.0
#: A joint's score is its heatmap value over the scale plus this.
SCORE_OFFSET = 0.5
#: Zero cells around a map while the reference looks for its maxima.
DECODE_BORDER = 10
MAX_BLUR_KERNEL = 2 * DECODE_BORDER + 1
#: The keypoint lies this far from the highest towards the second highest cell, in cells.
PEAK_SHIFT = 0.25

#: Input pixels per heatmap cell of the networks here.
NETWORK_STRIDE = 4

#: What :meth:`RSNHeatmap.encode` can hand to the head, as ``targets``.
TARGETS = ('joints', 'heatmap', 'heatmaps')


@KEYPOINT_CODECS.register_module()
class RSNHeatmap(BaseKeypointCodec):
    """Gaussian heatmaps of several levels, coarse to fine, as RSN and MSPN are trained with.

    Rules of the reference: a joint is put on the cell it falls into, the map is blurred, and scaled
    so that its largest value is 255 (near a border this need not be at the joint). Visibility flags
    are COCO's: 2 visible, 1 occluded but labeled, 0 unlabeled.

    Args:
        input_size: (W, H) of the network's input in pixels.
        heatmap_size: (W, H) of the heatmaps in cells; by default a quarter of the input.
        kernel_sizes: Odd Gaussian kernels of the levels, coarse to fine.
        blur_kernel_size: Odd kernel, at most 21, that smooths a map before decoding: 5 for COCO, 9
            for MPII.
        targets: What :meth:`encode` produces. ``'joints'``: positions and flags, the head draws the
            heatmaps on its device. For MMPose's heads: ``'heatmap'``, the finest level alone, or
            ``'heatmaps'``, all levels.

    Raises:
        OptionError: If a size, a kernel or ``targets`` is not as described, or the stride from
            input to heatmap is not the same in x and y.
    """

    def __init__(self, input_size: Sequence[int], heatmap_size: Sequence[int] | None = None,
                 kernel_sizes: Sequence[int] = (15, 11, 9, 7, 5), blur_kernel_size: int = 5,
                 targets: str = 'joints') -> None:
        _check_size('input_size', input_size)
        if heatmap_size is None:
            if any(n % NETWORK_STRIDE for n in input_size):
                raise OptionError(f'RSNHeatmap: input_size={tuple(input_size)}, expected multiples '
                                  f'of {NETWORK_STRIDE}, or a heatmap_size')
            heatmap_size = [n // NETWORK_STRIDE for n in input_size]
        _check_size('heatmap_size', heatmap_size)
        if not kernel_sizes:
            raise OptionError('RSNHeatmap: kernel_sizes is empty, expected one kernel per level')
        for size in (*kernel_sizes, blur_kernel_size):
            if not isinstance(size, int) or size < 1 or size % 2 == 0:
                raise OptionError(f'RSNHeatmap: kernel size {size}, expected an odd number')
        if blur_kernel_size > MAX_BLUR_KERNEL:
            raise OptionError(f'RSNHeatmap: blur_kernel_size={blur_kernel_size}, expected at most '
                              f'{MAX_BLUR_KERNEL}: it reaches over the border of {DECODE_BORDER} '
                              'cells')
        if targets not in TARGETS:
            raise OptionError(f'RSNHeatmap: targets={targets!r}, expected one of {TARGETS}')
        stride_wh = [n / m for n, m in zip(input_size, heatmap_size)]
        if stride_wh[0] != stride_wh[1]:
            raise OptionError(
                f'RSNHeatmap: input_size={tuple(input_size)} over heatmap_size='
                f'{tuple(heatmap_size)} gives strides {stride_wh[0]:g} in x and {stride_wh[1]:g} '
                'in y, expected the same (input_size / 4 for these networks)')
        self.input_size = tuple(input_size)
        self.heatmap_size = tuple(heatmap_size)
        self.kernel_sizes = tuple(kernel_sizes)
        self.blur_kernel_size = blur_kernel_size
        self.targets = targets
        self.stride = stride_wh[0]
        self._constants: dict[Hashable, Any] = {}

    @property
    def num_levels(self) -> int:
        """Number of heatmap levels."""
        return len(self.kernel_sizes)

    # MMPose reads these tables to know what of the encoded sample goes to the head.
    @property
    def label_mapping_table(self) -> dict[str, str]:
        keys = ('keypoint_cells', 'keypoint_visibility') if self.targets == 'joints' else (
            'keypoint_weights', )
        return {key: key for key in keys}

    @property
    def field_mapping_table(self) -> dict[str, str]:
        return {} if self.targets == 'joints' else dict(heatmaps='heatmaps')

    # ---------------------------------------------------------------------------------- encoding

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        """Turn the joints of a sample into what the head needs for its targets.

        Args:
            keypoints: (N, K, 2) x, y in input pixels.
            keypoints_visible: (N, K) flags 2, 1, 0; all 2 if not given.

        Returns:
            With ``targets='joints'``: ``keypoint_cells`` (N, K, 2), x, y of whole cells, and
            ``keypoint_visibility`` (N, K), 0 outside the input. With ``'heatmap'``: ``heatmaps``
            (K, H, W) and ``keypoint_weights`` (N, K), 1 where labeled; with ``'heatmaps'`` lists
            of both over the levels. The last two take one instance, N = 1.
        """
        if keypoints_visible is None:
            keypoints_visible = np.full(keypoints.shape[:2], 2)
        cells, visibility = self._to_cells(
            torch.as_tensor(keypoints), torch.as_tensor(keypoints_visible))
        if self.targets == 'joints':
            return dict(keypoint_cells=cells.numpy(), keypoint_visibility=visibility.numpy())
        if len(keypoints) != 1:
            raise OptionError(f'RSNHeatmap: {len(keypoints)} instances in one sample, expected 1 '
                              f'with targets={self.targets!r}')
        heatmaps = self.render_cells(cells, visibility)[0].numpy()
        weights = (visibility > 0).float().numpy()
        if self.targets == 'heatmap':
            return dict(heatmaps=heatmaps[-1], keypoint_weights=weights)
        return dict(heatmaps=list(heatmaps), keypoint_weights=[weights] * self.num_levels)

    def render(self, keypoints: Tensor | np.ndarray,
               visibility: Tensor | np.ndarray) -> Tensor | np.ndarray:
        """Draw the target heatmaps of a batch.

        Args:
            keypoints: (B, K, 2) x, y in input pixels.
            visibility: (B, K) flags 2, 1, 0. Maps of 0 and of joints outside the input stay empty.

        Returns:
            (B, L, K, H, W) float32 in 0..255, levels coarse to fine, on the device of the input;
            NumPy if the input is NumPy.
        """
        if isinstance(keypoints, np.ndarray):
            return self.render(torch.from_numpy(keypoints), torch.as_tensor(visibility)).numpy()
        return self.render_cells(*self._to_cells(keypoints, visibility))

    def render_cells(self, cells: Tensor, visibility: Tensor) -> Tensor:
        """As :meth:`render`, from positions (B, K, 2) in heatmap cells inside the map."""
        shown = visibility > 0
        # Where nothing is shown any cell will do.
        x, y = torch.where(shown[..., None], cells, 0).long().unbind(-1)
        rows = self._lines(0, x) * (shown * HEATMAP_SCALE)[:, None, :, None]
        columns = self._lines(1, y)
        heatmaps = _memory((*columns.shape, rows.shape[-1]), cells.device)
        return torch.mul(columns[..., :, None], rows[..., None, :], out=heatmaps)

    def _lines(self, axis: int, cells: Tensor) -> Tensor:
        """(B, L, K, length), of every level the line along x or y of joints in cells (B, K)."""
        table = self._line_table(axis, cells.device)
        starts = torch.arange(self.num_levels, device=cells.device)[:, None] * table.shape[1]
        # Into contiguous memory: over other strides the product of lines is several times slower.
        return embedding(cells[:, None] + starts, table.flatten(0, 1))

    def _to_cells(self, keypoints: Tensor, visibility: Tensor) -> tuple[Tensor, Tensor]:
        last_xy = keypoints.new_tensor(self.input_size) - 1
        inside = ((keypoints >= 0) & (keypoints <= last_xy)).all(-1)
        # Truncated, as in the reference, before float32 could round up into the next cell.
        return ((keypoints / self.stride).floor().float(),
                torch.where(inside, visibility.float(), 0))

    # ---------------------------------------------------------------------------------- decoding

    def decode(self, encoded: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Keypoints of one instance from its heatmaps (K, H, W).

        Returns:
            (1, K, 2) x, y in input pixels and (1, K) scores.
        """
        keypoints, scores = self.locate(torch.as_tensor(encoded)[None])
        return keypoints.numpy(force=True), scores.numpy(force=True)

    def batch_decode(self, batch_encoded: Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Keypoints of a batch of heatmaps (B, K, H, W): lists of (1, K, 2) and of (1, K)."""
        keypoints, scores = self.locate(batch_encoded)
        return (list(keypoints.numpy(force=True)[:, None]), list(scores.numpy(force=True)[:, None]))

    def locate(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints and scores on the device of the heatmaps.

        Each map gets a border of zeros and is blurred; the keypoint is a quarter cell from the
        highest cell towards the second highest, clamped to the map, in the middle of its cell. Its
        score is read from the map itself, not blurred, at the nearest cell.

        Args:
            heatmaps: (B, K, H, W) in 0..255.

        Returns:
            (B, K, 2) x, y in input pixels and (B, K) scores, float32.
        """
        width, height = self.heatmap_size
        if heatmaps.shape[-2:] != (height, width):
            raise OptionError(f'RSNHeatmap: heatmaps of (H, W) = {tuple(heatmaps.shape[-2:])}, '
                              f'expected {(height, width)}')
        heatmaps = heatmaps.float().contiguous()
        with torch.autocast(heatmaps.device.type, enabled=False):
            peaks = self._peak_finder(heatmaps.device)(heatmaps.flatten(0, 1))
        first, second = (xy.unflatten(0, heatmaps.shape[:2]).float() for xy in peaks)
        towards = second - first
        distance = towards.norm(dim=-1, keepdim=True).clamp_min(1)  # 0 only for the cell itself
        cells = first + PEAK_SHIFT * towards / distance
        cells = cells.clamp_min(0).minimum(cells.new_tensor([width - 1, height - 1]))

        nearest = cells.round().long()
        scores = heatmaps.flatten(2).gather(-1, nearest[..., 1:] * width + nearest[..., :1])
        return (cells + 0.5) * self.stride, scores[..., 0] / HEATMAP_SCALE + SCORE_OFFSET

    # --------------------------------------------------------------------------------- constants

    def _line_table(self, axis: int, device: torch.device) -> Tensor:
        """(L, length, length): of every level, the line of a joint in a cell, the highest 1."""
        def make() -> Tensor:
            length = self.heatmap_size[axis]
            lines = np.stack([blur_matrix(length, k).T for k in self.kernel_sizes])
            lines = lines / lines.max(axis=-1, keepdims=True)
            return torch.as_tensor(lines, dtype=torch.float32, device=device)

        return self._constant((axis, device), make)

    def _peak_finder(self, device: torch.device) -> PeakFinder:
        width, height = self.heatmap_size
        return self._constant(('peaks', device), lambda: PeakFinder(
            height, width, self.blur_kernel_size, DECODE_BORDER, device))

    def _constant(self, key: Hashable, make: Callable[[], Any]) -> Any:
        if key not in self._constants:
            self._constants[key] = _make_constant(make)
        return self._constants[key]


@torch.compiler.disable
def _make_constant(make: Callable[[], Any]) -> Any:
    """It outlives the compiled graph or the inference mode that it is first needed in."""
    with torch.inference_mode(False):
        return make()


def _memory(shape: Sequence[int], device: torch.device) -> Tensor:
    """Memory for a float32 tensor.

    On a processor NumPy's: large blocks of torch's, which are aligned, often do not fit again where
    they lay, and cost more time in the system than what is written to them.
    """
    if device.type == 'cpu' and not torch.compiler.is_compiling():
        return torch.from_numpy(np.empty(shape, np.float32))
    return torch.empty(shape, dtype=torch.float32, device=device)


def _check_size(name: str, size_wh: object) -> None:
    if not (isinstance(size_wh, Sequence) and len(size_wh) == 2
            and all(isinstance(n, int) and n > 0 for n in size_wh)):
        raise OptionError(f'RSNHeatmap: {name}={size_wh}, expected (width, height)')
