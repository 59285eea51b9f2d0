"""What images a network expects: the order of the colors and their normalization."""

import ast
from dataclasses import asdict, dataclass

#: ImageNet's statistics, red to blue, on the 0..255 scale.
MEAN_RGB = (123.675, 116.28, 103.53)
STD_RGB = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Preprocessing:
    """Arguments of MMPose's ``PoseDataPreprocessor``."""

    bgr_to_rgb: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def order(self) -> str:
        return 'RGB' if self.bgr_to_rgb else 'BGR'

    def options(self, other: 'Preprocessing') -> list[str]:
        """What makes a config with ``other`` one with this, as ``--cfg-options``."""
        found = asdict(other)
        return [
            f'model.data_preprocessor.{name}='
            f'{",".join(map(str, value)) if isinstance(value, tuple) else value}'
            for name, value in asdict(self).items() if value != found[name]]


#: The released code's, and that of our configs.
BGR = Preprocessing(False, MEAN_RGB[::-1], STD_RGB[::-1])
#: MMPose's.
RGB = Preprocessing(True, MEAN_RGB, STD_RGB)


def preprocessing_of(meta: dict) -> Preprocessing | None:
    """That which the meta data of a checkpoint tell, or ``None``.

    The config in it is Python code; it is parsed for literals and never run.

    Args:
        meta: ``meta`` of an mmengine checkpoint, or of one that was converted.
    """
    found = meta.get('data_preprocessor')
    if found is None and isinstance(meta.get('cfg'), str):
        found = _literal_arguments(meta['cfg'], 'data_preprocessor')
    if not isinstance(found, dict):
        return None
    try:
        return Preprocessing(bool(found.get('bgr_to_rgb', False)), tuple(found['mean']),
                             tuple(found['std']))
    except (KeyError, TypeError):
        return None


def _literal_arguments(code: str, name: str) -> dict | None:
    """``{'a': 1}`` of the first ``name=dict(a=1)`` in a piece of code."""
    try:
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.keyword) and node.arg == name and isinstance(
                    node.value, ast.Call):
                return {k.arg: ast.literal_eval(k.value) for k in node.value.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    return None
