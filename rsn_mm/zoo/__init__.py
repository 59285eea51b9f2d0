"""Models by name: published checkpoints of MMPose and mmdet, with their configs."""

from .getting import Files, get_model
from .index import (
    DEFAULT_DETECTOR,
    DEFAULT_POSE,
    DETECTOR,
    POSE,
    Published,
    find_model,
    is_model_name,
    published_models,
)

__all__ = ['DEFAULT_DETECTOR', 'DEFAULT_POSE', 'DETECTOR', 'POSE', 'Files', 'Published',
           'find_model', 'get_model', 'is_model_name', 'published_models']
