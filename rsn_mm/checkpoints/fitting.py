"""Whether the weights of a file fit a model: all of them do, or there is a clear error."""

from collections.abc import Mapping
from pathlib import Path

from mmengine.runner import load_state_dict
from torch import Tensor, nn

from rsn_mm.errors import CheckpointError, ForeignCheckpointError, listing

from .contents import read_weights, weights_entry

#: Differences of one kind that a message names before it only counts the rest.
NUM_SHOWN = 3
#: Entries for images in the state dicts of some versions of MMPose, which are not weights.
IMAGE_STATISTICS = 'data_preprocessor.'

Shape = tuple[int, ...]


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
    """The shape of every tensor, by name."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def check_shapes(tensors: Mapping[str, Tensor], expected: Mapping[str, Shape],
                 problem: str) -> None:
    """Refuse tensors that differ from the expected ones in name or shape.

    Args:
        tensors: Tensors by name.
        expected: Shape of every tensor, by name.
        problem: How the message begins, such as ``'a.pth does not fit the model'``.

    Raises:
        CheckpointError: The message counts what is missing, unknown and of another shape, and names
            the first tensors of each kind.
    """
    found = shapes_of(tensors)
    differences = {
        'missing': [name for name in expected if name not in found],
        'unknown': [name for name in found if name not in expected],
        'of another shape': [f'{name} {found[name]}, expected {shape}'
                             for name, shape in expected.items()
                             if name in found and found[name] != shape]}
    parts = [f'{len(names)} {kind}: {listing(names, NUM_SHOWN)}'
             for kind, names in differences.items() if names]
    if parts:
        raise CheckpointError(f'{problem}: {"; ".join(parts)}')


def check_fit(model: nn.Module, parameters: Mapping[str, Tensor], path: str | Path) -> None:
    """Refuse parameters that are not those of the model, in name or shape.

    mmengine itself would only warn, and go on with random parameters.

    Args:
        model: The model, not wrapped.
        parameters: Tensors by name.
        path: The file they come from, for the message.

    Raises:
        ForeignCheckpointError: If they have no name in common with the model.
        CheckpointError: If any of them differs. The message names the first differences.
    """
    expected = shapes_of(model.state_dict())
    problem = f'checkpoint {path} does not fit the model of the config'
    if expected.keys().isdisjoint(parameters):
        raise ForeignCheckpointError(
            f'{problem}: they have no parameter name in common; the first name in the checkpoint '
            f'is {next(iter(parameters))}, and in the model {next(iter(expected))}')
    check_shapes(parameters, expected, f'{problem}, which has {len(expected)} parameters')


def load_converted(model: nn.Module, parameters: Mapping[str, Tensor], path: str | Path) -> None:
    """Load parameters into a model of MMPose, which renames those of its older versions.

    Args:
        model: The model, not wrapped.
        parameters: Tensors by name.
        path: The file they come from, for the message.

    Raises:
        CheckpointError: If any of the model's is missing or of another shape, or the model does not
            know one. Statistics of images, which some versions store, may be there.
    """
    problem = f'checkpoint {path} does not fit the model of the config'
    try:
        result = model.load_state_dict(dict(parameters), strict=False)
    except RuntimeError as error:  # the only word that torch has for other shapes
        reason = ' '.join(str(error).split())
        raise CheckpointError(f'{problem}: {reason[:400]}') from error
    unknown = [name for name in result.unexpected_keys if not name.startswith(IMAGE_STATISTICS)]
    parts = [f'{len(names)} {kind}: {listing(names, NUM_SHOWN)}'
             for kind, names in (('missing', result.missing_keys), ('unknown', unknown)) if names]
    if parts:
        raise CheckpointError(f'{problem}: {"; ".join(parts)}')


def load_strictly(model: nn.Module, path: str | Path) -> None:
    """Load a checkpoint that has every parameter of the model and no other.

    Args:
        model: The model, not wrapped.
        path: A file or a web address.

    Raises:
        CheckpointError: If the file cannot be read or does not fit, see :func:`check_fit`.
    """
    parameters, _ = read_weights(path)
    check_fit(model, parameters, path)
    load_state_dict(model, parameters, strict=True)


def read_parameters(path: str | Path) -> dict[str, Tensor]:
    """Read the parameters that mmengine's runner will load from a checkpoint.

    Args:
        path: A file or a web address.

    Returns:
        Tensors by name, on the CPU, without the prefix of parallel training.

    Raises:
        ForeignCheckpointError: If the weights are in an entry where the runner does not look.
        CheckpointError: If the file cannot be read.
    """
    parameters, checkpoint = read_weights(path)
    entry, _ = weights_entry(checkpoint)
    if entry not in (None, 'state_dict'):
        raise ForeignCheckpointError(
            f'checkpoint {path} has its weights in {entry}, expected state_dict')
    return parameters


def check_start(model: nn.Module, path: str | Path) -> str | None:
    """Refuse a checkpoint for ``load_from`` that would leave parts of the model untrained.

    mmengine itself would only warn, and go on with random parameters. Only layers of heads may
    differ, and only in shape: a head for another number of joints is initialized anew in these
    layers.

    Args:
        model: The model as it will be trained, not wrapped.
        path: A file or a web address.

    Returns:
        One line on the layers that are initialized anew, if there are any.

    Raises:
        CheckpointError: If the file cannot be read, or parameters are missing, unknown, or of
            another shape outside of the heads. The message names the first of them.
    """
    parameters = read_parameters(path)
    expected = model.state_dict()
    reset = [name for name, value in expected.items() if name in parameters
             and name.split('.')[0].endswith('head') and parameters[name].shape != value.shape]
    check_fit(model, {**parameters, **{name: expected[name] for name in reset}}, path)
    if not reset:
        return None
    shown = listing((f'{name} {tuple(parameters[name].shape)}, here {tuple(expected[name].shape)}'
                     for name in reset), 1)
    return (f'weights of {path}: {len(reset)} of {len(expected)} parameters have another shape and '
            f'start anew: {shown}')
