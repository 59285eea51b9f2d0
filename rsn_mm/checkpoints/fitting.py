"""Parameters of a file into a model: all of them, or a clear error."""

from typing import Any

from mmengine.logging import print_log
from mmengine.runner import load_state_dict
from torch import Tensor, nn

from rsn_mm.checkpoints.contents import place_of_weights, weights_of
from rsn_mm.checkpoints.files import read
from rsn_mm.errors import CheckpointError

#: Differences that a message names before it only counts.
NUM_SHOWN = 3


def load_strictly(model: nn.Module, path: str) -> None:
    """Load a checkpoint that has every parameter of the model and no other.

    Args:
        path: Of a file, or its address in the web.

    Raises:
        CheckpointError: If it cannot be read, or see :func:`check_fit`.
    """
    _, parameters = _read(path)
    check_fit(model, parameters, path)
    load_state_dict(model, parameters, strict=True)


def read_parameters(path: str) -> dict[str, Tensor]:
    """What mmengine's runner will load from a checkpoint, on the CPU.

    Args:
        path: Of a file, or its address in the web.

    Returns:
        Tensors by name, without the prefix of a wrapped model.

    Raises:
        CheckpointError: If it cannot be read, or has its weights where the runner does not look.
    """
    checkpoint, parameters = _read(path)
    place, _ = place_of_weights(checkpoint)
    if place not in (None, 'state_dict'):
        raise CheckpointError(
            f'checkpoint {path} has its weights in {place}, expected state_dict. Released and '
            'MMPose checkpoints go through tools/convert_checkpoint.py first')
    return parameters


def _read(path: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A checkpoint, and the weights in it."""
    try:
        checkpoint = read(path)
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {error}') from error
    try:
        return checkpoint, weights_of(checkpoint)[0]
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {path}: {error}') from error


def check_fit(model: nn.Module, parameters: dict[str, Tensor], path: str) -> None:
    """Refuse parameters that are not those of the model, in name or shape.

    mmengine itself would only warn, and go on with random parameters.

    Args:
        path: Where they come from, for the message.

    Raises:
        CheckpointError: The message names the first differences and the mend.
    """
    found = {key: tuple(value.shape) for key, value in parameters.items()}
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    differences = [
        *(f'{key} is missing' for key in expected if key not in found),
        *(f'{key} is not in the model' for key in found if key not in expected),
        *(f'{key} is {found[key]}, expected {shape}' for key, shape in expected.items()
          if key in found and found[key] != shape)]
    if differences:
        raise CheckpointError(
            f'checkpoint {path} does not fit the model of the config, in {len(differences)} of '
            f'{len(expected)} parameters: {"; ".join(differences[:NUM_SHOWN])}. Is it of another '
            'config? Released and MMPose checkpoints go through tools/convert_checkpoint.py first')


def check_start(model: nn.Module, path: str) -> None:
    """Refuse a checkpoint for ``load_from`` that would leave parts of a model untrained.

    mmengine itself would only warn, and go on with random parameters. What may differ is the shape
    of layers in heads, all names being the same: a head of another number of joints starts anew in
    these layers, with a line in the log.

    Args:
        model: As it will be trained, not wrapped.
        path: File or URL.

    Raises:
        CheckpointError: If the file cannot be read, or parameters are missing, unknown, or outside
            the heads of another shape. The message names the first of them.
    """
    parameters = read_parameters(path)
    expected = model.state_dict()
    anew = [key for key, value in expected.items() if key in parameters
            and key.split('.')[0].endswith('head') and parameters[key].shape != value.shape]
    check_fit(model, {**parameters, **{key: expected[key] for key in anew}}, path)
    if anew:
        shown = '; '.join(f'{key} is {tuple(parameters[key].shape)} there, '
                          f'{tuple(expected[key].shape)} here' for key in anew[:NUM_SHOWN])
        print_log(f'load_from {path}: {len(anew)} of {len(expected)} parameters are of another '
                  f'shape and start anew: {shown}', 'current')
