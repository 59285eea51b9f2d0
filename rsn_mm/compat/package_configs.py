"""mmengine finds the configs of OpenMMLab's own packages only, as in ``mmpose::FOLDER/FILE.py``."""

import functools
from collections.abc import Callable
from pathlib import Path

PACKAGE = 'rsn_mm'
#: The scope in which our configs name types without a prefix.
SCOPE = 'mmpose'


def mend() -> None:
    """Let ``rsn_mm::FOLDER/FILE.py`` name a config of this package, as a base too."""
    from mmengine.config import Config, config, utils
    from mmengine.hub import hub

    if PACKAGE in utils.MODULE2PACKAGE:
        return
    utils.MODULE2PACKAGE[PACKAGE] = PACKAGE
    for module in (config, hub):
        module.get_installed_path = _with_this_package(module.get_installed_path)
    original = Config._get_cfg_path

    def _get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        path, scope = original(cfg_path, filename)
        return path, SCOPE if scope == PACKAGE else scope

    Config._get_cfg_path = staticmethod(_get_cfg_path)


def _with_this_package(original: Callable[[str], str]) -> Callable[[str], str]:
    """The folder of a package; mmengine does not know that of one that is installed in place."""

    @functools.wraps(original)
    def get_installed_path(package: str) -> str:
        return str(Path(__file__).parents[1]) if package == PACKAGE else original(package)

    return get_installed_path
