from .box import ExtendBBox, HalfBodyBBox, ScaleRotateBBox
from .loading import LoadImage
from .sizes import PackInputSizes
from .visibility import LoadVisibility

__all__ = ['ExtendBBox', 'HalfBodyBBox', 'LoadImage', 'LoadVisibility', 'PackInputSizes',
           'ScaleRotateBBox']
