from . import losses
from .backbones import RSN
from .heads import MultiStageRSNHead, PoseRefineMachine
from .losses import CoarseToFineLoss

__all__ = ['RSN', 'CoarseToFineLoss', 'MultiStageRSNHead', 'PoseRefineMachine', 'losses']
