"""ImageNet weights of a ResNet for the stem and the first stage's encoder."""

from pathlib import Path

import mmengine
from mmengine.logging import print_log
from mmengine.model import update_init_info
from torch import Tensor, nn

from rsn_mm.checkpoints.contents import weights_of
from rsn_mm.checkpoints.files import read
from rsn_mm.errors import CheckpointError, listing
from rsn_mm.registry import WEIGHT_INITIALIZERS

from ..backbones import RSN
from ..units import BasicUnit, Bottleneck, ResidualUnit
from .resnet_layout import CLASSIFIER, OPTIONAL, resnet_key

TORCHVISION = 'torchvision://'
#: mmengine's list of torchvision's addresses, which needs no torchvision.
ADDRESSES = Path(mmengine.__file__).parent / 'hub' / 'torchvision_0.12.json'


@WEIGHT_INITIALIZERS.register_module()
class PretrainedResNet:
    """Load a ResNet of torchvision's layout into the stem and the first stage's encoder.

    For :class:`~rsn_mm.models.RSN` with ``unit='bottleneck'`` (MSPN) or ``'basic'``. Everything
    else gets the reference's initialization. Units loaded so are left alone by
    ``zero_init_residual``.

    Args:
        checkpoint: A file, a web address, or ``'torchvision://resnet50'``, which downloads.
        bgr: Whether the network's images are BGR, as in the configs here. torchvision's are RGB;
            the first convolution's input channels are reversed then.

    Raises:
        CheckpointError: If the network is another one, or the file cannot be read, or does not
            have just what the network wants.
    """

    def __init__(self, checkpoint: str, bgr: bool = True) -> None:
        self.checkpoint = str(checkpoint)
        self.bgr = bgr

    def __call__(self, module: nn.Module) -> None:
        if not isinstance(module, RSN):
            raise CheckpointError(f'PretrainedResNet: the network is {type(module).__name__}, '
                                  'expected rsn_mm.RSN')
        encoder = module.stages[0].encoder
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
        """The checkpoint's tensors by the network's names."""
        theirs, _ = weights_of(read(self._path()))
        theirs = {key: value for key, value in theirs.items() if not key.startswith(CLASSIFIER)}
        fitted, wrong, missing = {}, [], []
        for ours, expected in module.state_dict().items():
            key = resnet_key(ours)
            if key is None:
                continue
            found = theirs.pop(key, None)
            if found is None:
                if not key.endswith(OPTIONAL):
                    missing.append(key)
            elif found.shape != expected.shape:
                wrong.append(f'{key} {tuple(found.shape)}, expected {tuple(expected.shape)}')
            else:
                fitted[ours] = found
        problems = [f'{title} {listing(names)}' for title, names in (
            ('it lacks', missing), ('of another shape:', wrong),
            ('with no place in the network:', theirs)) if names]
        if problems:
            raise CheckpointError(
                f'{self.checkpoint} is not the ResNet of this network, of the same unit and depth '
                f"and with torchvision's names; {'; '.join(problems)}")
        if self.bgr:
            first = 'stem.conv.conv.weight'
            fitted[first] = fitted[first].flip(1)
        return fitted

    def _path(self) -> str:
        """Of the file, or its address in the web."""
        if not self.checkpoint.startswith(TORCHVISION):
            return self.checkpoint
        addresses = mmengine.load(ADDRESSES)
        name = self.checkpoint.removeprefix(TORCHVISION)
        if name not in addresses:
            resnets = [known for known in addresses if known.startswith('resnet')]
            raise CheckpointError(f'PretrainedResNet: checkpoint {self.checkpoint}, expected '
                                  f'{TORCHVISION} and one of {resnets}')
        return addresses[name]
