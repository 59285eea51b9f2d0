"""mmengine formats the text of the config anew for each checkpoint.

With the keypoints of a data set in the config, that takes more than two seconds each time.
"""

import functools
from collections.abc import Callable


def mend() -> None:
    """Format the same text once."""
    from mmengine.config import config

    if not getattr(config.FormatCode, 'mended', False):
        config.FormatCode = _remembering(config.FormatCode)


def _remembering(original: Callable[..., tuple[str, bool]]) -> Callable[..., tuple[str, bool]]:
    """The same function of a text, a style and options, which keeps the last results."""

    @functools.lru_cache(maxsize=8)
    def formatted(text: str, style: tuple, options: tuple) -> tuple[str, bool]:
        return original(text, style_config=dict(style), **dict(options))

    @functools.wraps(original)
    def format_code(text: str, style_config: dict, **options: bool) -> tuple[str, bool]:
        return formatted(text, tuple(style_config.items()), tuple(options.items()))

    format_code.mended = True  # type: ignore[attr-defined]
    return format_code
