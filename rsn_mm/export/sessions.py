"""Runs exported files with ONNX Runtime or OpenVINO."""

import warnings
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

from rsn_mm.errors import ExportError, MissingFileError, OptionError
from rsn_mm.files import FilePath
from rsn_mm.packages import needed

from .metadata import Metadata
from .network import INPUT_NAME, OUTPUT_NAMES


class Content(NamedTuple):
    """An exported file that is not on the disk."""

    data: bytes

    def __str__(self) -> str:
        return 'the exported model'


class Session:
    """An exported file that is ready to run.

    A subclass opens the file in its runtime, and runs it.

    Args:
        file: Path of the file, or its content.
        device: ``'cpu'`` or ``'cuda'``, with or without a number.
        dtype: Type to compute in, ``torch.float32`` or ``torch.bfloat16``.

    Raises:
        MissingFileError: If there is no such file.
        ExportError: If the runtime cannot read the file, or this package did not export it.
        OptionError: If the runtime has no such device or type.
        MissingPackageError: If the runtime is not installed.
    """

    runtime: str  #: its name, as an option and for messages
    package: str  #: what is to be installed
    extra: str  #: of this package, which installs it
    metadata: Metadata
    name: str  #: of the file, for messages

    def __init__(self, file: FilePath | Content, device: str = 'cpu',
                 dtype: torch.dtype = torch.float32) -> None:
        if not isinstance(file, Content):
            try:
                with open(file, 'rb'):
                    pass
            except OSError as error:
                raise MissingFileError(f'{file} cannot be read: {error.strerror}') from error
        self.name = str(file)
        module = needed(self.package, f'runtime={self.runtime!r}', self.extra)
        try:
            properties = self._open(module, file, device, dtype)
        except (OptionError, ExportError):
            raise
        except Exception as error:  # each runtime has its own classes
            reason = ' '.join(str(error).split())
            raise ExportError(f'{file} cannot be read by {self.package}: {reason}') from error
        self.metadata = Metadata.from_properties(properties, file)

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Run the file.

        Args:
            images: (B, 3, H, W) of the file's input type, B from 1 up.

        Returns:
            Each output by its name.

        Raises:
            ExportError: If the images are not as described.
        """
        width, height = self.metadata.input_size
        expected = (3, height, width), self.metadata.input_type
        if (images.ndim != 4 or not len(images)
                or (images.shape[1:], str(images.dtype)) != expected):
            raise ExportError(f'images of shape {images.shape} {images.dtype}, expected (B, 3, '
                              f'{height}, {width}) {self.metadata.input_type}, B from 1 up')
        return dict(zip(OUTPUT_NAMES[self.metadata.output], self._run(images)))

    def _open(self, module: Any, file: FilePath | Content, device: str,
              dtype: torch.dtype) -> Mapping[str, str]:
        """Open the file and return its properties."""
        raise NotImplementedError

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        """The outputs in the order of the file."""
        raise NotImplementedError


class OnnxRuntimeSession(Session):
    """Runs ONNX files in ONNX Runtime, in float32."""

    runtime = package = 'onnxruntime'
    extra = 'onnx'

    def _open(self, module: Any, file: FilePath | Content, device: str,
              dtype: torch.dtype) -> Mapping[str, str]:
        if dtype != torch.float32:
            raise OptionError(f"runtime='onnxruntime': dtype={dtype}, expected torch.float32")
        providers = dict(cpu='CPUExecutionProvider', cuda='CUDAExecutionProvider')
        provider = providers.get(device.partition(':')[0])
        if provider not in module.get_available_providers():
            raise OptionError(f"runtime='onnxruntime': it cannot run on {device!r} here; it has "
                              f'{module.get_available_providers()}')
        options = module.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = module.InferenceSession(
            file.data if isinstance(file, Content) else str(file), options, providers=[provider])
        return self._session.get_modelmeta().custom_metadata_map

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        return self._session.run(None, {INPUT_NAME: images})


class OpenVinoSession(Session):
    """Runs ONNX files, and OpenVINO's own (``.xml``), in OpenVINO on the CPU."""

    runtime = package = extra = 'openvino'

    def _open(self, module: Any, file: FilePath | Content, device: str,
              dtype: torch.dtype) -> Mapping[str, str]:
        if device.partition(':')[0] != 'cpu':
            raise OptionError(f"runtime='openvino': device={device!r}, expected 'cpu'")
        types = {torch.float32: 'f32', torch.bfloat16: 'bf16'}
        if dtype not in types:
            raise OptionError(f"runtime='openvino': dtype={dtype}, expected torch.float32 or "
                              'torch.bfloat16')
        core = openvino_core(module)
        model = core.read_model(file.data if isinstance(file, Content) else str(file))
        properties = openvino_properties(model)
        # On processors that have it, OpenVINO would compute in bfloat16 without being told to.
        self._model = core.compile_model(model, 'CPU', {
            'INFERENCE_PRECISION_HINT': types[dtype],
            'INFERENCE_NUM_THREADS': torch.get_num_threads(),
            'PERFORMANCE_HINT': 'LATENCY'})
        actual = self._model.get_property('INFERENCE_PRECISION_HINT').get_type_name()
        if actual != types[dtype]:
            warnings.warn(f'OpenVINO computes in {actual} on this processor, which has no '
                          f'{types[dtype]}', stacklevel=2)
        return properties

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        results = self._model({INPUT_NAME: images})
        return [results[output] for output in self._model.outputs]


@cache
def openvino_core(openvino: ModuleType) -> Any:
    """The one core of OpenVINO in this process, which never ends.

    On some processors, each core gives the process another stack for signals and frees it at its
    end. When two cores ended in the order in which they had begun, the next signal, such as Ctrl-C,
    crashed the process (OpenVINO 2026.4).
    """
    return openvino.Core()


def openvino_properties(model: Any) -> dict[str, str]:
    """The properties of this package in a model that OpenVINO has read."""
    paths = {name: ['framework', name] for name in Metadata.property_names()}
    return {name: str(model.get_rt_info(path).value) for name, path in paths.items()
            if model.has_rt_info(path)}


SESSIONS = {session.runtime: session for session in (OnnxRuntimeSession, OpenVinoSession)}


def open_session(file: FilePath | Content, runtime: str, device: str = 'cpu',
                 dtype: torch.dtype = torch.float32) -> Session:
    """Open an exported file.

    Args:
        file: Path of the file, or its content.
        runtime: One of :data:`SESSIONS`.
        device: See :class:`Session`.
        dtype: See :class:`Session`.

    Raises:
        OptionError: If there is no such runtime.
        MissingFileError, ExportError, MissingPackageError: See :class:`Session`.
    """
    if runtime not in SESSIONS:
        raise OptionError(f'runtime={runtime!r}, expected one of {tuple(SESSIONS)}')
    return SESSIONS[runtime](file, device, dtype)
