"""Writes exported files."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import torch
from mmengine.config import Config
from mmpose.models.pose_estimators import TopdownPoseEstimator

from rsn_mm.errors import ExportError, RsnMmError
from rsn_mm.files import FilePath, check_new_file, written_whole
from rsn_mm.packages import needed
from rsn_mm.version import __version__

from .checking import can_check, check
from .metadata import Metadata, box_extension, joints_of
from .network import (
    INPUT_NAME,
    OUTPUT_NAMES,
    ExportedNetwork,
    exchanges_channels,
    statistics,
)

if TYPE_CHECKING:
    from onnx import ModelProto

#: Version of ONNX's operators. This one is the oldest that the exporter writes without a
#: conversion, and every later runtime reads it.
OPSET = 18
#: Batch size of the example that is traced. With 1, the exporter would take it for a constant.
TRACED_BATCH = 2
#: Largest batch size. Without one, torch 2.6 refuses the largest integer as a batch size.
LARGEST_BATCH = 2**31 - 1
#: Version of torch whose exporter is tested. That of 2.6 cannot export all networks.
TESTED_TORCH = '2.13'
#: Name of the dimension that varies.
BATCH_NAME = 'batch'


def export_onnx(model: TopdownPoseEstimator, path: FilePath, *, opset: int = OPSET,
                overwrite: bool = False, **options: Any) -> Metadata:
    """Write an estimator in its test-time form as an ONNX file.

    The file needs neither torch nor MMPose. It has one input, ``images`` (B, 3, H, W) for any B,
    and the outputs ``keypoints`` (B, K, 2), x, y in input pixels, and ``scores`` (B, K); or
    ``heatmaps`` (B, K, h, w). Its properties are those of
    :class:`~rsn_mm.export.metadata.Metadata`. Where onnxruntime is installed, the file is compared
    with the network before it is written.

    Args:
        model: An estimator that :func:`~rsn_mm.optimization.optimize` takes, whose codec is an
            :class:`~rsn_mm.codecs.RSNHeatmap`. It is not changed.
        path: File to write, which ends with ``.onnx``.
        opset: Version of ONNX's operators.
        overwrite: Replace a file that exists.
        options: ``input_type``, ``normalize``, ``output``, ``flip_test``, ``config`` and
            ``dataset_meta``, see :func:`prepare`.

    Returns:
        The properties of the file.

    Raises:
        OutputError: If the file cannot be written, or exists.
        MissingPackageError: If onnx or onnxscript is not installed.
        OptionError, OptionTypeError: See :func:`prepare`.
        ExportError: See there, and if the file does not agree with the network.

    Example:
        >>> from mmpose.registry import MODELS
        >>> codec = dict(type='rsn_mm.RSNHeatmap', input_size=(48, 64))
        >>> model = MODELS.build(dict(
        ...     type='TopdownPoseEstimator',
        ...     data_preprocessor=dict(type='PoseDataPreprocessor'),
        ...     backbone=dict(type='rsn_mm.RSN', num_blocks=(1, 1, 1, 1), unit_channels=16),
        ...     head=dict(type='rsn_mm.MultiStageRSNHead', num_stages=1, unit_channels=16,
        ...               out_channels=17, decoder=codec)))
        >>> rsn_mm.apis.export_onnx(model, 'tiny.onnx').input_size
        (48, 64)
        >>> from onnxruntime import InferenceSession
        >>> session = InferenceSession('tiny.onnx')
        >>> keypoints, scores = session.run(None, {'images': np.zeros((5, 3, 64, 48), np.uint8)})
        >>> keypoints.shape, scores.shape
        ((5, 17, 2), (5, 17))
    """
    check_new_file(path, 'path', '.onnx', overwrite)
    network, metadata = prepare(model, **options)
    content = to_onnx(network, metadata, opset).SerializeToString()
    if can_check():
        check(network, content)
    with written_whole(path) as file:
        file.write(content)
    return metadata


def export_program(model: TopdownPoseEstimator, path: FilePath, *, overwrite: bool = False,
                   **options: Any) -> Metadata:
    """Write an estimator in its test-time form as a program of ``torch.export``.

    ``torch.export.load(path).module()`` needs torch, but neither MMPose nor this package. The
    properties are stored as extra files of the program, under their names in an ONNX file.

    Args:
        model: As in :func:`export_onnx`.
        path: File to write, which ends with ``.pt2``.
        overwrite: Replace a file that exists.
        options: As in :func:`export_onnx`.

    Returns:
        The properties of the file.

    Raises:
        OutputError, OptionError, OptionTypeError, ExportError: As :func:`export_onnx`.
    """
    check_new_file(path, 'path', '.pt2', overwrite)
    network, metadata = prepare(model, **options)
    content = BytesIO()
    with _quiet():
        # Decomposed, the program has no operation that writes into its input.
        torch.export.save(_trace(network).run_decompositions({}), content,
                          extra_files=metadata.to_properties())
    with written_whole(path) as file:
        file.write(content.getvalue())
    return metadata


def prepare(model: TopdownPoseEstimator, *, input_type: str = 'uint8', normalize: bool = True,
            output: str = 'keypoints', flip_test: bool | None = None,
            config: Config | None = None, dataset_meta: Mapping | None = None
            ) -> tuple[ExportedNetwork, Metadata]:
    """The network that is exported, and its properties.

    Args:
        model: The estimator.
        input_type: ``'uint8'`` or ``'float32'``, the type of the images.
        normalize: Normalize the images inside the file. Their channels are then in BGR, as OpenCV
            reads them. Otherwise the images must be normalized with the ``mean`` and ``std`` of the
            metadata, with their channels in its ``color_order``.
        output: ``'keypoints'`` or ``'heatmaps'``.
        flip_test: Take the mean with the mirrored image; by default as the model's ``test_cfg``
            says.
        config: The config, whose text and box extension are stored; by default ``model.cfg``, which
            MMPose's ``init_model`` sets.
        dataset_meta: MMPose's description of the dataset, which the flip test needs; by default
            ``model.dataset_meta``.

    Raises:
        OptionError, OptionTypeError: If an option is not as described, or the model is of another
            kind.
        ExportError: If the flip test has no description of the dataset, the dataset has another
            number of joints than the model, or a part of the model cannot be exported.
    """
    config = getattr(model, 'cfg', None) if config is None else config
    dataset_meta = dataset_meta or getattr(model, 'dataset_meta', None)
    test_cfg = getattr(model, 'test_cfg', None) or {}
    flip_test = bool(test_cfg.get('flip_test', False) if flip_test is None else flip_test)
    if flip_test and dataset_meta is None:
        raise ExportError('the flip test needs dataset_meta, which says what joints a mirror '
                          'exchanges')
    network = ExportedNetwork(model, input_type, normalize, output,
                              dataset_meta['flip_indices'] if flip_test and dataset_meta else None)
    mean, std = statistics(model.data_preprocessor)
    loader = (config or {}).get('test_dataloader') or {}
    metadata = Metadata(
        input_size=network.codec.input_size, input_type=input_type, normalize=normalize, mean=mean,
        std=std, output=output, flip_test=flip_test,
        color_order=('RGB' if not normalize and exchanges_channels(model.data_preprocessor)
                     else 'BGR'),
        box_extension=box_extension(loader.get('dataset', {}).get('pipeline', ())),
        config=config.pretty_text if isinstance(config, Config) else '',
        **joints_of(dataset_meta, model.head.out_channels))
    return network, metadata


def to_onnx(network: ExportedNetwork, metadata: Metadata, opset: int = OPSET) -> 'ModelProto':
    """The ONNX model of a network, with its properties.

    Raises:
        MissingPackageError: If onnx or onnxscript is not installed.
        ExportError: If ONNX or the exporter does not know this opset.
    """
    onnx = needed('onnx', 'exporting ONNX files', 'onnx')
    needed('onnxscript', 'exporting ONNX files', 'onnx')
    newest = onnx.defs.onnx_opset_version()
    if not OPSET <= opset <= newest:
        raise ExportError(f'opset={opset}, expected {OPSET} to {newest}')
    program = _trace(network)
    with _quiet(), _by_torch('convert'):
        exported: Any = torch.onnx.export(
            program, dynamo=True, external_data=False, opset_version=opset, verbose=False,
            input_names=[INPUT_NAME], output_names=OUTPUT_NAMES[network.output])
    model = exported.model_proto
    written = next(entry.version for entry in model.opset_import if entry.domain == '')
    if written != opset:
        raise ExportError(f'opset={opset}: the exporter of torch {torch.__version__} wrote '
                          f'{written}')
    _tidy(model.graph)
    model.producer_name, model.producer_version = 'rsn_mm', __version__
    onnx.helper.set_model_props(model, metadata.to_properties())
    return model


def _tidy(graph: Any) -> None:
    """Name the batch, and remove the exporter's notes, which hold paths of this machine."""
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ''
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH_NAME


def _trace(network: ExportedNetwork) -> torch.export.ExportedProgram:
    with torch.no_grad(), _quiet(), _by_torch('trace'):
        return torch.export.export(
            network.eval(), (network.example(TRACED_BATCH), ), strict=False,
            dynamic_shapes=({0: torch.export.Dim(BATCH_NAME, min=1, max=LARGEST_BATCH)}, ))


@contextmanager
def _by_torch(what: str) -> Iterator[None]:
    """Turn any error of torch's exporter, which has no base class, into one message."""
    try:
        yield
    except RsnMmError:
        raise
    except Exception as error:
        reason = next(filter(None, map(str.strip, str(error).splitlines())), '')
        raise ExportError(
            f'torch {torch.__version__} cannot {what} the network for an export '
            f'({type(error).__name__}: {reason}); exports are tested with torch {TESTED_TORCH}'
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes on optional packages and on its own outdated calls."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
