"""What images a network expects: the order of the colors and their normalization."""

import ast
from dataclasses import asdict, dataclass
from typing import Any

#: ImageNet's statistics, red to blue, on the 0..255 scale.
MEAN_RGB = (123.675, 116.28, 103.53)
STD_RGB = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Preprocessing:
    """Arguments of MMPose's ``PoseDataPreprocessor``."""

    bgr_to_rgb: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def as_dict(self) -> dict[str, bool | list[float]]:
        """The arguments as a config states them."""
        return dict(bgr_to_rgb=self.bgr_to_rgb, mean=list(self.mean), std=list(self.std))

    def changes_from(self, other: 'Preprocessing') -> list[str]:
        """Entries of a config, as ``KEY=VALUE``, that change ``other`` to this."""
        theirs = asdict(other)
        return [
            f'model.data_preprocessor.{name}='
            f'{",".join(map(str, value)) if isinstance(value, tuple) else value}'
            for name, value in asdict(self).items() if value != theirs[name]]


#: The released code's images, and those of our configs.
BGR = Preprocessing(False, MEAN_RGB[::-1], STD_RGB[::-1])
#: MMPose's images.
RGB = Preprocessing(True, MEAN_RGB, STD_RGB)


def preprocessing_of(meta: dict[str, Any]) -> Preprocessing | None:
    """Find the preprocessing in the meta data of a checkpoint, or give ``None``.

    mmengine stores the config as Python code. It is parsed for literals and never run.

    Args:
        meta: ``meta`` of a checkpoint that mmengine wrote or that was converted.
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
