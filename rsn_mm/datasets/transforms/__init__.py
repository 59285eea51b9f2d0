from .box import ExtendBBox, HalfBodyBBox, ScaleRotateBBox
from .loading import LoadImage
from .visibility import LoadVisibility

__all__ = ['ExtendBBox', 'HalfBodyBBox', 'LoadImage', 'LoadVisibility', 'ScaleRotateBBox']
