"""ImageNet weights of a ResNet in the stem and the first stage's encoder."""

from typing import Any

from mmengine.logging import print_log
from mmengine.model import update_init_info
from torch import Tensor, nn

from rsn_mm.checkpoints.contents import read_weights
from rsn_mm.checkpoints.fitting import check_shapes
from rsn_mm.errors import CheckpointError
from rsn_mm.registry import WEIGHT_INITIALIZERS

from .backbones import RSN
from .units import BasicUnit, Bottleneck, ResidualUnit

#: The ResNet's classifier, which has no counterpart here.
CLASSIFIER = 'fc.'
#: Tensors that older files lack: counters of batches.
OPTIONAL = 'num_batches_tracked'
#: Layers of a projected shortcut, in the order of the ResNet's.
SHORTCUT = ('conv', 'bn')


@WEIGHT_INITIALIZERS.register_module()
class PretrainedResNet:
    """An initializer that loads a ResNet with torchvision's names of tensors.

    It fills the stem and the first stage's encoder of an :class:`~rsn_mm.models.RSN` with
    ``unit='bottleneck'`` (MSPN) or ``'basic'``. All other layers are initialized as in the released
    code. ``zero_init_residual`` does not change the loaded units.

    Args:
        checkpoint: A file, a web address, or a name such as ``'torchvision://resnet50'``, which is
            downloaded.
        bgr: Whether the network's images are BGR, as in the configs here. torchvision's images are
            RGB, so that the first convolution's input channels are then reversed.

    Raises:
        CheckpointError: If the network is not such an RSN, the file cannot be read, or its tensors
            are not exactly those that the network needs.

    Example:
        >>> from mmpose.models.backbones import ResNet
        >>> torch.save(ResNet(depth=18).state_dict(), 'resnet18.pth')
        >>> model = rsn_mm.models.RSN(depth=18, unit='basic', num_stages=2, init_cfg=dict(
        ...     type='rsn_mm.PretrainedResNet', checkpoint='resnet18.pth'))
        >>> model.init_weights()
        >>> [unit.loaded for unit in (model.stages[0].encoder.levels[0][0],
        ...                           model.stages[1].encoder.levels[0][0])]
        [True, False]
    """

    def __init__(self, checkpoint: str, bgr: bool = True) -> None:
        self.checkpoint = str(checkpoint)
        self.bgr = bgr

    def __call__(self, module: nn.Module) -> None:
        if not isinstance(module, RSN):
            raise CheckpointError(f'PretrainedResNet: the network is {type(module).__name__}, '
                                  'expected rsn_mm.RSN')
        stages: Any = module.stages
        encoder = stages[0].encoder
        units = [unit for unit in encoder.modules() if isinstance(unit, ResidualUnit)]
        if not isinstance(units[0], (Bottleneck, BasicUnit)):
            raise CheckpointError(f'PretrainedResNet: units {type(units[0]).__name__}, expected '
                                  "unit='bottleneck' or unit='basic'")
        state_dict = self._fitted(module)
        module.init_encoders()
        module.load_state_dict(state_dict, strict=False)
        for unit in units:
            unit.loaded = True
        print_log(f'stem and first encoder loaded from {self.checkpoint}', logger='current')
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=f'PretrainedResNet: {self.checkpoint}')

    def _fitted(self, module: RSN) -> dict[str, Tensor]:
        """Read the checkpoint and give its tensors the network's names."""
        theirs, _ = read_weights(self.checkpoint)
        theirs = {name: value for name, value in theirs.items() if not name.startswith(CLASSIFIER)}
        ours = module.state_dict()
        names = {name: key for name in ours if (key := resnet_key(name)) is not None
                 and (key in theirs or not key.endswith(OPTIONAL))}
        check_shapes(
            theirs, {key: tuple(ours[name].shape) for name, key in names.items()},
            f"{self.checkpoint} is not a ResNet with this network's units and depth and with "
            "torchvision's names of tensors")
        fitted = {name: theirs[key] for name, key in names.items()}
        if self.bgr:
            first = 'stem.conv.conv.weight'
            fitted[first] = fitted[first].flip(1)
        return fitted


def resnet_key(key: str) -> str | None:
    """The ResNet's name of a tensor.

    A ResNet has ``conv1`` and ``bn1``, then ``layer1`` to ``layer4`` of units with ``conv1``,
    ``bn1``, ``conv2``, ``bn2``, ... and ``downsample.0`` (convolution) and ``downsample.1`` (norm).

    Args:
        key: Name in the state dict of an :class:`~rsn_mm.models.RSN` with bottlenecks or basic
            units and batch norms.

    Returns:
        ``None`` for tensors that a ResNet does not have: those of decoders and later stages.
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
