from .attention import ConvBlockAttention, SqueezeExcitation
from .multi_stage_rsn_head import MultiStageRSNHead
from .pose_refine_machine import PoseRefineMachine

__all__ = [
    'ConvBlockAttention', 'MultiStageRSNHead', 'PoseRefineMachine', 'SqueezeExcitation',
]
