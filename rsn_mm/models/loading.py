"""Parameters of a file into a model: all of them, or a clear error."""

import os

from mmengine.runner import load_state_dict
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

#: Differences that a message names before it only counts.
NUM_SHOWN = 3


class LoadError(ValueError):
    """A checkpoint that cannot be loaded into a model; the message is for the user."""


def load_strictly(model: nn.Module, path: str) -> None:
    """Load a checkpoint that has every parameter of the model and no other.

    Args:
        path: File or URL of mmengine's or torch's format; nothing but weights is read.

    Raises:
        LoadError: See :func:`read_parameters` and :func:`check_fit`.
    """
    parameters = read_parameters(path)
    check_fit(model, parameters, path)
    load_state_dict(model, parameters, strict=True)


def read_parameters(path: str) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU, without the prefix of a wrapped model.

    Raises:
        LoadError: If there is no such file, or it holds no parameters or more than weights.
    """
    if '://' not in path and not os.path.isfile(path):
        raise LoadError(f'checkpoint {path} does not exist')
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    except Exception as error:
        raise LoadError(f'checkpoint {path} cannot be read: {error}') from error
    if not isinstance(checkpoint, dict):
        raise LoadError(f'checkpoint {path} holds a {type(checkpoint).__name__}, expected '
                        'parameters by name')
    return {key.removeprefix('module.'): value
            for key, value in checkpoint.get('state_dict', checkpoint).items()
            if isinstance(value, Tensor)}


def check_fit(model: nn.Module, parameters: dict[str, Tensor], path: str) -> None:
    """Refuse parameters that are not those of the model, in name or shape.

    mmengine itself would only warn, and go on with random parameters.

    Args:
        path: Where they come from, for the message.

    Raises:
        LoadError: The message names the first differences and the mend.
    """
    found = {key: tuple(value.shape) for key, value in parameters.items()}
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    differences = [
        *(f'{key} is missing' for key in expected if key not in found),
        *(f'{key} is not in the model' for key in found if key not in expected),
        *(f'{key} is {found[key]}, expected {shape}' for key, shape in expected.items()
          if key in found and found[key] != shape)]
    if differences:
        raise LoadError(
            f'checkpoint {path} does not fit the model of the config, in {len(differences)} of '
            f'{len(expected)} parameters: {"; ".join(differences[:NUM_SHOWN])}. Is it of another '
            'config? Released and MMPose checkpoints go through tools/convert_checkpoint.py first')
