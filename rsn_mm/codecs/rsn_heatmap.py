"""The codec: it turns keypoints into heatmaps and heatmaps into keypoints."""

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
from .peaks import PeakFinder, Peaks, find_peaks
from .tensors import make_constant, uninitialized

#: Largest value of a target heatmap; the smallest is 0.
HEATMAP_SCALE = 255.0
#: A joint's score is its heatmap value divided by the scale, plus this.
SCORE_OFFSET = 0.5
#: Zero cells that the reference puts around a map before it looks for the maxima.
DECODE_BORDER = 10
#: A larger kernel would reach beyond this border.
MAX_BLUR_KERNEL = 2 * DECODE_BORDER + 1
#: The keypoint lies this many cells from the highest cell, towards the second highest one.
PEAK_SHIFT = 0.25

#: Input pixels per heatmap cell of RSN and MSPN.
NETWORK_STRIDE = 4

#: What :meth:`RSNHeatmap.encode` can produce for the head.
TARGETS = ('joints', 'heatmap', 'heatmaps')


@KEYPOINT_CODECS.register_module()
class RSNHeatmap(BaseKeypointCodec):
    """Gaussian heatmaps of several levels, coarse to fine, which RSN and MSPN are trained with.

    The rules are those of the reference. A joint is put on the cell that it falls into, the map is
    blurred and then scaled so that its largest value is 255 (near a border this value need not be
    at the joint). The flags of joints are COCO's: 2 visible, 1 occluded but labeled, 0 unlabeled.

    Args:
        input_size: (W, H) of the network's input in pixels.
        heatmap_size: (W, H) of the heatmaps in cells; by default a quarter of the input.
        kernel_sizes: Sizes of the levels' Gaussian kernels in cells, odd, coarse to fine. Equal
            sizes give every level the same heatmaps.
        blur_kernel_size: Size of the kernel that smooths a map before decoding, odd and at most
            21. The reference has 5 for COCO and 9 for MPII.
        targets: What :meth:`encode` produces. With ``'joints'`` it gives positions and flags, and
            the head draws the heatmaps on its own device. MMPose's heads need ``'heatmap'``, the
            finest level alone, or ``'heatmaps'``, all levels.

    Raises:
        OptionError: If a size, a kernel or ``targets`` is not as described, or the stride from
            input to heatmap is not the same in x and y.

    Example:
        >>> codec = rsn_mm.codecs.RSNHeatmap(input_size=(192, 256))
        >>> keypoints, flags = np.array([[[90., 130.], [20., 41.]]]), np.array([[2, 0]])
        >>> heatmaps = codec.render(keypoints, flags)
        >>> heatmaps.shape  # images, levels, joints, height, width
        (1, 5, 2, 64, 48)
        >>> heatmaps.max(axis=(-2, -1))[0, -1].tolist()  # an unlabeled joint has an empty map
        [255.0, 0.0]
        >>> found, scores = codec.decode(heatmaps[0, -1])
        >>> bool(abs(found[0, 0] - keypoints[0, 0]).max() < codec.stride)
        True
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
                              f'{MAX_BLUR_KERNEL}')
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

    # MMPose reads these two tables to learn which encoded entries the head receives.
    @property
    def label_mapping_table(self) -> dict[str, str]:
        keys = ('keypoint_cells', 'keypoint_flags') if self.targets == 'joints' else (
            'keypoint_weights', )
        return {key: key for key in keys}

    @property
    def field_mapping_table(self) -> dict[str, str]:
        return {} if self.targets == 'joints' else dict(heatmaps='heatmaps')

    def encode(self, keypoints: np.ndarray, keypoints_visible: np.ndarray | None = None) -> dict:
        """Turn the joints of a sample into what the head needs for its targets.

        Args:
            keypoints: (N, K, 2) x, y in input pixels.
            keypoints_visible: (N, K) flags 2, 1, 0 under MMPose's name; all 2 if not given.

        Returns:
            With ``targets='joints'``: ``keypoint_cells`` (N, K, 2), the x, y of whole cells, and
            ``keypoint_flags`` (N, K), which are 0 for joints outside the input. With
            ``'heatmap'``: ``heatmaps`` (K, H, W) and ``keypoint_weights`` (N, K), 1 for labeled
            joints. With ``'heatmaps'``: lists of both over the levels. The last two accept a
            single instance only, N = 1.
        """
        if keypoints_visible is None:
            keypoints_visible = np.full(keypoints.shape[:2], 2)
        cells, flags = self._to_cells(
            torch.as_tensor(keypoints), torch.as_tensor(keypoints_visible))
        if self.targets == 'joints':
            return dict(keypoint_cells=cells.numpy(), keypoint_flags=flags.numpy())
        if len(keypoints) != 1:
            raise OptionError(f'RSNHeatmap: {len(keypoints)} instances in one sample, expected 1 '
                              f'with targets={self.targets!r}')
        heatmaps = self.render_cells(cells, flags)[0].numpy()
        weights = (flags > 0).float().numpy()
        if self.targets == 'heatmap':
            return dict(heatmaps=heatmaps[-1], keypoint_weights=weights)
        return dict(heatmaps=list(heatmaps), keypoint_weights=[weights] * self.num_levels)

    def render(self, keypoints: Tensor | np.ndarray,
               visibility: Tensor | np.ndarray) -> Tensor | np.ndarray:
        """Draw the target heatmaps of a batch.

        Args:
            keypoints: (B, K, 2) x, y in input pixels.
            visibility: (B, K) flags 2, 1, 0. Joints with flag 0 and joints outside the input have
                empty maps.

        Returns:
            (B, L, K, H, W) float32 in 0..255, levels coarse to fine, on the device of the input;
            a NumPy array if the input is one.
        """
        heatmaps = self.render_cells(
            *self._to_cells(torch.as_tensor(keypoints), torch.as_tensor(visibility)))
        return heatmaps.numpy() if isinstance(keypoints, np.ndarray) else heatmaps

    def render_cells(self, cells: Tensor, flags: Tensor) -> Tensor:
        """Draw what :meth:`render` draws, from what :meth:`encode` gives.

        Args:
            cells: (B, K, 2) x, y of whole heatmap cells; inside the map where the flag is not 0.
            flags: (B, K) 2, 1, 0.
        """
        shown = flags > 0
        # The cells of empty maps do not matter, but must exist.
        x, y = torch.where(shown[..., None], cells, 0).long().unbind(-1)
        rows = self._lines(0, x) * (shown * HEATMAP_SCALE)[:, None, :, None]
        columns = self._lines(1, y)
        heatmaps = uninitialized((*columns.shape, rows.shape[-1]), cells.device)
        return torch.mul(columns[..., :, None], rows[..., None, :], out=heatmaps)

    def _lines(self, axis: int, cells: Tensor) -> Tensor:
        """The lines along x (axis 0) or y (axis 1) whose product is a heatmap.

        Args:
            axis: 0 or 1.
            cells: (B, K) positions along this axis.

        Returns:
            (B, L, K, length), with the largest value of each line at 1.
        """
        table = self._line_table(axis, cells.device)
        starts = torch.arange(self.num_levels, device=cells.device)[:, None] * table.shape[1]
        # Contiguous lines: with other strides their product takes several times as long.
        return embedding(cells[:, None] + starts, table.flatten(0, 1))

    def _to_cells(self, keypoints: Tensor, flags: Tensor) -> tuple[Tensor, Tensor]:
        """Cells of joints given in input pixels, and their flags, 0 for joints outside."""
        last_xy = keypoints.new_tensor(self.input_size) - 1
        inside = ((keypoints >= 0) & (keypoints <= last_xy)).all(-1)
        # Truncation follows the reference. It comes before the conversion to float32, which could
        # round a position up into the next cell.
        return (keypoints / self.stride).floor().float(), torch.where(inside, flags.float(), 0)

    def decode(self, encoded: np.ndarray | Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Find the keypoints of one instance in its heatmaps (K, H, W).

        Returns:
            (1, K, 2) x, y in input pixels and (1, K) scores.
        """
        keypoints, scores = self.locate(torch.as_tensor(encoded)[None])
        return keypoints.numpy(force=True), scores.numpy(force=True)

    def batch_decode(self, batch_encoded: Tensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Find the keypoints of a batch in its heatmaps (B, K, H, W).

        Returns:
            Two lists over the batch: keypoints (1, K, 2) in input pixels and scores (1, K).
        """
        keypoints, scores = self.locate(batch_encoded)
        return (list(keypoints.numpy(force=True)[:, None]), list(scores.numpy(force=True)[:, None]))

    def locate(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Find keypoints and scores on the device of the heatmaps.

        Each map gets a border of zeros and is blurred. The keypoint lies a quarter of a cell from
        the middle of the highest cell, towards the second highest one, and is clamped to the map.
        Its score is the value of the unblurred map at the nearest cell.

        Args:
            heatmaps: (B, K, H, W) in 0..255.

        Returns:
            (B, K, 2) x, y in input pixels and (B, K) scores, float32.
        """
        self._check_heatmaps(heatmaps)
        heatmaps = heatmaps.float().contiguous()
        with torch.autocast(heatmaps.device.type, enabled=False):
            peaks = self._peak_finder(heatmaps.device)(heatmaps.flatten(0, 1))
        return self._locate_at(peaks, heatmaps)

    def locate_together(self, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Do what :meth:`locate` does, in operations without branches, which can be exported.

        Args:
            heatmaps: (B, K, H, W) float32 in 0..255.
        """
        self._check_heatmaps(heatmaps)
        peaks = find_peaks(heatmaps.flatten(0, 1), self.blur_kernel_size, DECODE_BORDER)
        return self._locate_at(peaks, heatmaps)

    def _check_heatmaps(self, heatmaps: Tensor) -> None:
        width, height = self.heatmap_size
        if heatmaps.shape[-2:] != (height, width):
            raise OptionError(f'RSNHeatmap: heatmaps of (H, W) = {tuple(heatmaps.shape[-2:])}, '
                              f'expected {(height, width)}')

    def _locate_at(self, peaks: Peaks, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """Keypoints and scores, given the peaks of the blurred maps."""
        width, height = self.heatmap_size
        first, second = (xy.unflatten(0, heatmaps.shape[:2]).float() for xy in peaks)
        towards = second - first
        # Both are whole numbers: a distance below 1 is 0, where both cells are the same.
        distance = towards.norm(dim=-1, keepdim=True).clamp_min(1)
        cells = first + PEAK_SHIFT * towards / distance
        cells = cells.clamp_min(0).minimum(cells.new_tensor([width - 1, height - 1]))

        nearest = cells.round().long()
        scores = heatmaps.flatten(2).gather(-1, nearest[..., 1:] * width + nearest[..., :1])
        return (cells + 0.5) * self.stride, scores[..., 0] / HEATMAP_SCALE + SCORE_OFFSET

    def _line_table(self, axis: int, device: torch.device) -> Tensor:
        """(L, length, length): for each level and each cell of a joint, its line."""
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
            self._constants[key] = make_constant(make)
        return self._constants[key]


def _check_size(name: str, size_wh: object) -> None:
    if not (isinstance(size_wh, Sequence) and len(size_wh) == 2
            and all(isinstance(n, int) and n > 0 for n in size_wh)):
        raise OptionError(f'RSNHeatmap: {name}={size_wh}, expected (width, height)')
