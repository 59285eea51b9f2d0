from .cbam import ConvBlockAttention
from .multi_stage_rsn_head import MultiStageRSNHead
from .pose_refine_machine import PoseRefineMachine
from .squeeze_excitation import SqueezeExcitation

__all__ = [
    'ConvBlockAttention', 'MultiStageRSNHead', 'PoseRefineMachine', 'SqueezeExcitation',
]
