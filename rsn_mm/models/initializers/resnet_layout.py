"""Where a ResNet in torchvision's layout keeps the tensors of a stem and a first stage."""

#: Of the ResNet's classifier, which has no counterpart here.
CLASSIFIER = 'fc.'
#: Counts batches; older files do not have it.
OPTIONAL = 'num_batches_tracked'
#: Parts of a projected shortcut, in the order of the ResNet's.
SHORTCUT = ('conv', 'bn')


def resnet_key(key: str) -> str | None:
    """The ResNet's name of a tensor.

    ``conv1``, ``bn1``; then ``layer1`` to ``layer4`` of units with ``conv1``, ``bn1``, ``conv2``,
    ``bn2``, ... and ``downsample.0`` (convolution) and ``.1`` (norm).

    Args:
        key: A name in the state dict of an :class:`~rsn_mm.models.RSN` with bottlenecks or basic
            units and batch norms.

    Returns:
        ``None`` for what a ResNet does not have: decoders, later stages.
    """
    match key.split('.'):
        case ['stem', 'conv', ('conv' | 'bn') as part, tensor]:
            return f'{part}1.{tensor}'
        case ['stages', '0', 'encoder', 'levels', level, unit, *layer, part, tensor]:
            place = f'layer{int(level) + 1}.{unit}'
            match layer:
                case ['convs', i]:
                    return f'{place}.{part}{int(i) + 1}.{tensor}'
                case ['shortcut'] if part in SHORTCUT:
                    return f'{place}.downsample.{SHORTCUT.index(part)}.{tensor}'
    return None
