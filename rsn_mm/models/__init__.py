from . import losses
from .backbones import RSN
from .ensemble import Ensemble
from .heads import MultiStageRSNHead, PoseRefineMachine
from .initializers import PretrainedResNet
from .losses import CoarseToFineLoss

__all__ = ['RSN', 'CoarseToFineLoss', 'Ensemble', 'MultiStageRSNHead', 'PoseRefineMachine',
           'PretrainedResNet', 'losses']
