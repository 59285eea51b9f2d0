"""Weights that a training run starts from."""

from mmengine.logging import print_log
from torch import nn

from rsn_mm.models.loading import NUM_SHOWN, check_fit, read_parameters


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
