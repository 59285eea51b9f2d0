"""Quantizes an exported network to 8-bit integers: with NNCF for OpenVINO, or with ONNX Runtime.

Weights have only 7 of the 8 bits. Processors without VNNI instructions add two products of an
unsigned and a signed byte in 16 bits, which overflow with weights of 8 bits. A file would then lose
more on such a processor than on the one that tested it.
"""

import io
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from rsn_mm.errors import OptionError
from rsn_mm.files import FilePath
from rsn_mm.packages import needed

from .network import INPUT_NAME
from .sessions import openvino_core

#: The parts of a network that can stay in floating point, and how the names of their weights begin.
PARTS = dict(stem='estimator.backbone.stem.', predictor='estimator.head.')
#: Operations that ONNX Runtime quantizes. For others, the conversions take more time than is saved.
QUANTIZED = ['Conv', 'Add', 'Relu']


class Node(NamedTuple):
    """An operation of a network."""

    name: str
    weights: str  #: name of the weights of a convolution, or ''
    sources: tuple[str, ...]  #: names of the operations whose results it takes


def write_openvino(content: bytes, images: np.ndarray, float_parts: Collection[str], path: Path
                   ) -> None:
    """Write a quantized network as a file of OpenVINO.

    Args:
        content: The network in float32, an ONNX file of this package.
        images: (B, 3, H, W) of the file's input type, from which the ranges of values are
            estimated.
        float_parts: Names of :data:`PARTS` whose convolutions stay in floating point, as does
            everything before the first convolution and after the last one.
        path: File to write, which ends with ``.xml``; the weights go into a ``.bin`` file beside
            it.

    Raises:
        MissingPackageError: If openvino or NNCF is not installed.
    """
    openvino, nncf, estimator = _packages('.xml')
    # Not nncf.set_log_level, which also changes handlers that belong to others.
    logging.getLogger('nncf').setLevel(logging.ERROR)
    model = openvino_core(openvino).read_model(content)
    ignored = float_nodes(openvino_nodes(model), float_parts)
    parameters = nncf.AdvancedQuantizationParameters(
        overflow_fix=nncf.OverflowFix.ENABLE,  # weights of 7 bits
        # The default, the mean of the images' extremes, cuts off the highest values.
        activations_range_estimator_params=estimator.RangeEstimatorParametersSet.MINMAX)
    with redirect_stdout(io.StringIO()):  # its progress bar
        quantized = nncf.quantize(
            model, nncf.Dataset([image[None] for image in images]), subset_size=len(images),
            # Zero points would slow convolutions down.
            preset=nncf.QuantizationPreset.PERFORMANCE, target_device=nncf.TargetDevice.CPU,
            ignored_scope=nncf.IgnoredScope(names=sorted(ignored)), advanced_parameters=parameters)
    openvino.save_model(quantized, path, compress_to_fp16=False)


def write_onnx(content: bytes, images: np.ndarray, float_parts: Collection[str], path: Path
               ) -> None:
    """Write a quantized network as an ONNX file.

    Args:
        content, images, float_parts: See :func:`write_openvino`.
        path: File to write, which ends with ``.onnx``.

    Raises:
        MissingPackageError: If onnx or onnxruntime is not installed.
    """
    onnx, quantization = _packages('.onnx')
    model = onnx.load_from_string(content)
    with _without_advice():
        quantization.quantize_static(
            model, path, _Images(images), per_channel=True, op_types_to_quantize=QUANTIZED,
            reduce_range=True,  # weights of 7 bits
            # VNNI multiplies unsigned with signed numbers.
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=sorted(float_nodes(onnx_nodes(model), float_parts)))


class _Images:
    """Hands one image after the other to ONNX Runtime, which calls this a CalibrationDataReader."""

    def __init__(self, images: np.ndarray) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._images, None)
        return None if image is None else {INPUT_NAME: image[None]}


class Format(NamedTuple):
    """A format of quantized networks."""

    runtime: str  #: that reads it
    write: Callable[[bytes, np.ndarray, Collection[str], Path], None]
    packages: tuple[str, ...]  #: that write it


#: The formats by the endings of their files.
FORMATS = {
    '.xml': Format('openvino', write_openvino,
                   ('openvino', 'nncf', 'nncf.quantization.range_estimator')),
    '.onnx': Format('onnxruntime', write_onnx, ('onnx', 'onnxruntime.quantization')),
}


def format_of(path: FilePath) -> Format:
    """The format of a file to write, whose packages are there.

    Raises:
        OptionError: If there is no such format.
        MissingPackageError: If a package that writes it is not installed.
    """
    ending = Path(path).suffix
    if ending not in FORMATS:
        raise OptionError(f'{path}: expected a file ending with {" or ".join(FORMATS)}')
    _packages(ending)
    return FORMATS[ending]


def _packages(ending: str) -> list[ModuleType]:
    os.environ.setdefault('NNCF_CI', '1')  # otherwise NNCF reports its use to its authors
    return [needed(name, 'int8', 'int8') for name in FORMATS[ending].packages]


def float_nodes(nodes: Iterable[Node], float_parts: Collection[str] = ()) -> set[str]:
    """Names of the nodes that stay in floating point; see :func:`write_openvino`.

    Args:
        nodes: All nodes of a network, each behind its sources.
        float_parts: Names of :data:`PARTS`.
    """
    sources = {node.name: node.sources for node in nodes}
    targets: dict[str, list[str]] = {name: [] for name in sources}
    for name, names in sources.items():
        for source in names:
            targets[source].append(name)
    convolutions = [node for node in nodes if node.weights.startswith('estimator.')]
    kept = tuple(PARTS[part] for part in float_parts)
    return {*_reached(convolutions[0].name, sources), *_reached(convolutions[-1].name, targets),
            *(node.name for node in convolutions if kept and node.weights.startswith(kept))}


def _reached(start: str, neighbors: Mapping[str, Iterable[str]]) -> set[str]:
    """All nodes on one side of a node."""
    found: set[str] = set()
    waiting = list(neighbors[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += neighbors[name]
    return found


def openvino_nodes(model: Any) -> list[Node]:
    """The operations of a model of OpenVINO."""
    nodes = [node for node in model.get_ordered_ops()
             if node.get_type_name() not in ('Constant', 'Parameter', 'Result')]
    names = {node.get_friendly_name() for node in nodes}
    return [Node(node.get_friendly_name(),
                 _weights(node) if 'Convolution' in node.get_type_name() else '',
                 tuple(name for name in map(_name, _sources(node)) if name in names))
            for node in nodes]


def _weights(convolution: Any) -> str:
    """Name of the weights, which a convolution of groups has in another shape."""
    node = _sources(convolution)[1]
    while _sources(node):
        node = _sources(node)[0]
    return _name(node)


def _sources(node: Any) -> list[Any]:
    return [value.get_source_output().get_node() for value in node.inputs()]


def _name(node: Any) -> str:
    return node.get_friendly_name()


def onnx_nodes(model: Any) -> list[Node]:
    """The operations of an ONNX model."""
    made_by = {value: node.name for node in model.graph.node for value in node.output}
    return [Node(node.name, node.input[1] if node.op_type == 'Conv' else '',
                 tuple(made_by[value] for value in node.input if value in made_by))
            for node in model.graph.node]


@contextmanager
def _without_advice() -> Iterator[None]:
    """Without what ONNX Runtime logs about models that it has not preprocessed."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
