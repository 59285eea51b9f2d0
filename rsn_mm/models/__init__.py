from . import losses
from .backbones import RSN
from .ensemble import Ensemble
from .heads import MultiStageRSNHead, PoseRefineMachine
from .losses import CoarseToFineLoss
from .pretrained_resnet import PretrainedResNet

__all__ = ['RSN', 'CoarseToFineLoss', 'Ensemble', 'MultiStageRSNHead', 'PoseRefineMachine',
           'PretrainedResNet', 'losses']
