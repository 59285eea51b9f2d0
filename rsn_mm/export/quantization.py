"""Exports networks in 8-bit integers, and measures what that loses."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmengine.config import Config
from mmpose.models.pose_estimators import TopdownPoseEstimator

from rsn_mm.errors import ExportError, OptionError, require_at_least
from rsn_mm.files import FilePath, check_new_file, written_whole

from .accuracy import AccuracyTest, calibration_crops
from .estimator import ExportedEstimator
from .files import prepare, to_onnx
from .int8 import format_of
from .metadata import Metadata
from .sessions import Content, Session, open_session

#: Parts that stay in floating point, in the order in which they are tried: the fewest first.
ATTEMPTS: tuple[tuple[str, ...], ...] = ((), ('stem', ), ('predictor', ), ('stem', 'predictor'))
#: People whose images estimate the ranges of values.
CALIBRATION_IMAGES = 300
#: Points (hundredths of the metric) that may be lost.
MAX_LOSS = 0.5
#: Shows that something is done: gets what it is and the number of steps, and gives the function
#: that counts them.
Progress = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class Attempt:
    """A quantized network.

    Args:
        float_parts: The parts that stayed in floating point.
        accuracy: The metric, in 0..1; ``None`` if the runtime could not run the network.
        loss: What was lost to float32, in points.
        error: Why it could not.
    """

    float_parts: tuple[str, ...]
    accuracy: float | None
    loss: float = float('inf')
    error: str = ''

    def __str__(self) -> str:
        result = self.error if self.accuracy is None else f'{self.loss:+.2f} points lost'
        return f'{" and ".join(self.float_parts) or "nothing"} in float32: {result}'


@dataclass(frozen=True)
class Quantization:
    """What an export to int8 found.

    Args:
        metadata: The properties of the file.
        metric: Name of the metric.
        accuracy: The metric of the network in float32.
        attempts: All quantized networks that were tried; the last one was written.
    """

    metadata: Metadata
    metric: str
    accuracy: float
    attempts: tuple[Attempt, ...]


def _no_progress(what: str, total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda number: None)


def export_int8(model: TopdownPoseEstimator, path: FilePath, *, config: Config | None = None,
                calibration_images: int = CALIBRATION_IMAGES, calibration_data: str = 'train',
                max_loss: float = MAX_LOSS, metric: str | None = None, overwrite: bool = False,
                progress: Progress = _no_progress, **options: Any) -> Quantization:
    """Write an estimator as a file that computes in 8-bit integers, for OpenVINO or ONNX Runtime.

    Images of the config's own data estimate the ranges of values. The network is then tested on the
    test data of the config, in float32 and in int8. If int8 loses too much, parts of the network
    that are known to be sensitive stay in floating point (:data:`ATTEMPTS`).

    Args:
        model: As in :func:`~rsn_mm.export.files.export_onnx`.
        path: File to write. A name that ends with ``.xml`` is for OpenVINO, and the weights go
            into a ``.bin`` file beside it; one that ends with ``.onnx`` is for ONNX Runtime.
        config: The config with the data; by default ``model.cfg``, which MMPose's ``init_model``
            sets.
        calibration_images: Number of people that estimate the ranges of values.
        calibration_data: ``'train'``, ``'val'`` or ``'test'``, the data that they are taken from.
        max_loss: Points (hundredths of the metric) that int8 may lose. If all attempts lose more,
            nothing is written.
        metric: See :class:`~rsn_mm.export.accuracy.AccuracyTest`.
        overwrite: Replace files that exist.
        progress: Shows what is done.
        options: ``input_type``, ``normalize``, ``output``, ``flip_test`` and ``dataset_meta``, see
            :func:`~rsn_mm.export.files.prepare`.

    Returns:
        What was lost.

    Raises:
        OutputError: If a file cannot be written, or exists.
        MissingPackageError: If onnx, onnxscript or a package of the runtime is not installed:
            openvino and nncf, or onnxruntime.
        OptionError, OptionTypeError, EntryError: If an option or an entry of the config is wrong.
        ExportError: If too much is lost, or the network cannot be exported.
    """
    format_ = format_of(path)
    for file in files_of(path):
        check_new_file(file, 'path', overwrite=overwrite)
    require_at_least('export_int8', 1, calibration_images=calibration_images)
    if calibration_data not in ('train', 'val', 'test'):
        raise OptionError(f"calibration_data={calibration_data!r}, expected 'train', 'val' or "
                          "'test'")
    if not max_loss >= 0:
        raise OptionError(f'max_loss={max_loss}, expected points from 0 on')
    config = getattr(model, 'cfg', None) if config is None else config
    if config is None:
        raise OptionError('export_int8: the model has no config, whose data it needs; give config')
    test = AccuracyTest(config, metric)
    crops = calibration_crops(config, calibration_data, calibration_images)
    with progress('exporting', None):
        network, metadata = prepare(model, config=config, **options)
        content = to_onnx(network, metadata).SerializeToString()

    def measured(session: Session, name: str) -> float:
        with progress(f'testing {name}', test.num_samples) as advance:
            return test(ExportedEstimator(session, network.codec, model.test_cfg), advance)

    session = open_session(Content(content), format_.runtime)
    accuracy = measured(session, 'float32')
    images = ExportedEstimator(session, network.codec).prepare(crops)
    attempts: list[Attempt] = []
    with TemporaryDirectory() as folder:
        for number, float_parts in enumerate(ATTEMPTS):
            with progress(_title(float_parts), None):
                written = Path(folder, f'{number}{Path(path).suffix}')
                format_.write(content, images, float_parts, written)
            try:
                found = measured(open_session(written, format_.runtime), _title(float_parts))
            except ExportError as error:  # a runtime may not have each mixture of types
                attempts.append(Attempt(float_parts, None, error=str(error)))
                continue
            attempts.append(Attempt(float_parts, found, (accuracy - found) * 100))
            if attempts[-1].loss <= max_loss:
                for source, file in zip(files_of(written), files_of(path)):
                    with written_whole(file) as output:
                        output.write(source.read_bytes())
                return Quantization(metadata, test.metric, accuracy, tuple(attempts))
    tried = '; '.join(map(str, attempts))
    raise ExportError(f'int8 loses more than max_loss={max_loss:g} points of {test.metric}, which '
                      f'is {accuracy:.4f} in float32 ({tried})')


def _title(float_parts: Sequence[str]) -> str:
    return 'int8' + ''.join(f', {part} in float32' for part in float_parts)


def files_of(path: FilePath) -> list[Path]:
    """The files of an exported network, that of the path last."""
    path = Path(path)
    return [path] if path.suffix != '.xml' else [path.with_suffix('.bin'), path]
