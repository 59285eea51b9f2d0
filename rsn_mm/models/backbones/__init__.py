from .rsn import RSN
from .stage_features import StageFeatures

__all__ = ['RSN', 'StageFeatures']
