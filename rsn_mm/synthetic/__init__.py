"""Generated pictures of people with exact labels: the dataset that needs no download."""

from .dataset import SyntheticCocoDataset
from .options import GENERATOR_VERSION, SceneOptions, SplitOptions
from .scene import Scene, generate_scene, image_rng
from .writer import annotation_path, write_split

__all__ = [
    'GENERATOR_VERSION', 'Scene', 'SceneOptions', 'SplitOptions', 'SyntheticCocoDataset',
    'annotation_path', 'generate_scene', 'image_rng', 'write_split'
]
