"""Quantizes a network in OpenVINO to 8-bit integers, with NNCF."""

import io
import logging
import os
from collections.abc import Collection, Iterable
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from rsn_mm.packages import needed

#: The parts of a network that can stay in floating point, and how the names of their weights begin.
PARTS = dict(stem='estimator.backbone.stem.', predictor='estimator.head.')


def quantize(model: Any, images: np.ndarray, float_parts: Collection[str] = ()) -> Any:
    """Quantize the convolutions of a network, and what lies between them.

    What comes before the first convolution and after the last one, the normalization of images and
    the search for keypoints, stays in floating point.

    Args:
        model: The network as OpenVINO has read it from a file of this package. It is not changed.
        images: (B, 3, H, W) of the file's input type, from which the ranges of values are
            estimated.
        float_parts: Names of :data:`PARTS` whose convolutions stay in floating point.

    Returns:
        The quantized network, of OpenVINO.

    Raises:
        MissingPackageError: If NNCF is not installed.
    """
    os.environ.setdefault('NNCF_CI', '1')  # otherwise NNCF reports its use to its authors
    nncf = needed('nncf', 'int8', 'int8')
    nncf.set_log_level(logging.ERROR)
    with redirect_stdout(io.StringIO()):  # its progress bar
        return nncf.quantize(
            model, nncf.Dataset([image[None] for image in images]), subset_size=len(images),
            # Zero points would slow convolutions down.
            preset=nncf.QuantizationPreset.PERFORMANCE, target_device=nncf.TargetDevice.CPU,
            ignored_scope=nncf.IgnoredScope(names=sorted(float_nodes(model, float_parts))))


def float_nodes(model: Any, float_parts: Collection[str] = ()) -> set[str]:
    """Names of the nodes that stay in floating point; see :func:`quantize`."""
    convolutions = {_weights(node): node for node in model.get_ordered_ops()
                    if 'Convolution' in node.get_type_name()}
    first, last = (next(node for name, node in order if name.startswith('estimator.'))
                   for order in (convolutions.items(), reversed(convolutions.items())))
    nodes = [*_connected(first, _sources), *_connected(last, _targets)]
    nodes += [node for name, node in convolutions.items()
              if name.startswith(tuple(PARTS[part] for part in float_parts))]
    return {node.get_friendly_name() for node in nodes
            if node.get_type_name() not in ('Constant', 'Parameter', 'Result')}


def _weights(convolution: Any) -> str:
    """Name of the weights, which a convolution of groups has in another shape."""
    node = convolution.input(1).get_source_output().get_node()
    while node.inputs():
        node = node.input(0).get_source_output().get_node()
    return node.get_friendly_name()


def _connected(node: Any, neighbors: Any) -> Iterable[Any]:
    """All nodes on one side of a node."""
    found: dict[str, Any] = {}
    waiting = list(neighbors(node))
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() not in found:
            found[node.get_friendly_name()] = node
            waiting += neighbors(node)
    return found.values()


def _sources(node: Any) -> list[Any]:
    return [value.get_source_output().get_node() for value in node.inputs()]


def _targets(node: Any) -> list[Any]:
    return [value.get_node() for output in node.outputs() for value in output.get_target_inputs()]
