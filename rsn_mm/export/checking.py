"""Compares an exported file with the network that it was made from."""

from importlib.util import find_spec

import numpy as np
import torch

from rsn_mm.errors import ExportError

from .network import ExportedNetwork
from .sessions import Content, open_session

#: The runtime that compares.
RUNTIME = 'onnxruntime'
#: Batch size of the comparison, another than the one that was traced.
BATCH_SIZE = 3
#: How far a joint may be from where torch finds it, in input pixels, and how much a heatmap may
#: differ, relative to the largest value.
PIXELS, RELATIVE = 0.01, 1e-3
#: Share of the joints that must agree. Not all: where two cells are equal up to rounding, each
#: runtime may take another one for the highest.
SHARE = 0.9


def can_check() -> bool:
    """Whether the runtime that compares is installed."""
    return find_spec(RUNTIME) is not None


def check(network: ExportedNetwork, content: bytes) -> None:
    """Compare the results for random images.

    Args:
        network: What was exported.
        content: The exported file.

    Raises:
        ExportError: If fewer than :data:`SHARE` of the joints agree.
        MissingPackageError: If onnxruntime is not installed.
    """
    images = network.example(BATCH_SIZE)
    with torch.inference_mode():
        expected = network(images)
    found = open_session(Content(content), RUNTIME)(images.numpy())
    if network.output == 'heatmaps':
        limit = RELATIVE * float(expected.abs().max())
        same = np.abs(found['heatmaps'] - expected.numpy()).max((2, 3)) <= limit
    else:
        distance = np.linalg.norm(found['keypoints'] - expected[0].numpy(), axis=-1)
        same = distance <= PIXELS
    if same.mean() < SHARE:
        raise ExportError(f'the exported file is wrong: {RUNTIME} agrees with torch in '
                          f'{same.mean():.0%} of the joints of {BATCH_SIZE} random images. Please '
                          f'report it, with the versions of torch ({torch.__version__}) and '
                          'onnxscript')
