"""The runtimes of exported networks as contestants of a race."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from mmpose.models.pose_estimators import TopdownPoseEstimator
from torch import Tensor

from rsn_mm.errors import MissingPackageError
from rsn_mm.export.files import prepare, to_onnx
from rsn_mm.export.int8 import format_of
from rsn_mm.export.sessions import Content, Session, open_session
from rsn_mm.processors import has_bfloat16

from .timing import Times

QUANTILES = (0.5, 0.99)


def open_runtimes(model: TopdownPoseEstimator, images: Tensor
                  ) -> tuple[dict[str, Session], dict[str, str]]:
    """A network in each runtime that is installed, from normalized images to heatmaps.

    Args:
        model: The estimator.
        images: Normalized images (B, 3, H, W), which calibrate int8.

    Returns:
        The sessions by name, and why others are missing.
    """
    network, metadata = prepare(model, input_type='float32', normalize=False, output='heatmaps',
                                flip_test=False)
    content = to_onnx(network, metadata).SerializeToString()
    openers: dict[str, Callable[[], Session]] = {
        'ONNX Runtime fp32': lambda: open_session(Content(content), 'onnxruntime'),
        'OpenVINO fp32': lambda: open_session(Content(content), 'openvino'),
        'ONNX Runtime int8': lambda: _open_int8(content, images.numpy(), '.onnx'),
        'OpenVINO int8': lambda: _open_int8(content, images.numpy(), '.xml'),
    }
    if has_bfloat16():
        openers['OpenVINO bf16'] = lambda: open_session(Content(content), 'openvino',
                                                        dtype=torch.bfloat16)
    sessions, missing = {}, {}
    for name, open_ in openers.items():
        try:
            sessions[name] = open_()
        except MissingPackageError as error:
            missing[name] = str(error)
    return sessions, missing


def _open_int8(content: bytes, images: np.ndarray, ending: str) -> Session:
    with TemporaryDirectory() as folder:
        path = Path(folder, f'int8{ending}')
        format_ = format_of(path)
        format_.write(content, images, (), path)
        return open_session(path, format_.runtime)


def latencies(times: dict[str, Times]) -> dict[str, str]:
    """The quantiles of the times of single calls, as facts of a race."""
    return {f'{name}, ' + ' and '.join(f'p{q * 100:g}' for q in QUANTILES): ' and '.join(
        f'{np.quantile(each.seconds, q) * 1e3:.1f}' for q in QUANTILES) + ' ms'
        for name, each in times.items()}
