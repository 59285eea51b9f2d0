"""mmpose's SimCC visualizer imports one name from torchvision, which may be absent or broken.

Only ``torchvision.transforms`` is replaced. ``import torchvision`` still fails, and
``find_spec('torchvision')`` still finds nothing, so that no other library believes torchvision is
installed.
"""

import importlib
import importlib.util
import sys
import warnings
from importlib.machinery import ModuleSpec
from types import ModuleType

NAME = 'torchvision.transforms'


class ToPILImage:
    """Takes the place of torchvision's transform, and says what is missing when it is used."""

    def __init__(self, *args, **kwargs):
        raise ImportError(
            'ToPILImage needs torchvision, which is not installed or was made for another torch; '
            'install the release that belongs to the installed torch, from where that came'
        )


def mend() -> None:
    """Replace ``torchvision.transforms`` if the real one cannot be imported."""
    if NAME in sys.modules or _imports():
        return
    module = ModuleType(NAME, __doc__)
    module.__spec__ = ModuleSpec(NAME, loader=None)
    setattr(module, 'ToPILImage', ToPILImage)  # noqa: B010  (a plain assignment has no type)
    sys.modules[NAME] = module


def _imports() -> bool:
    try:
        importlib.import_module(NAME)
    except ModuleNotFoundError as error:
        if error.name == 'torchvision':
            return False
        _hide_broken(error)
    except (ImportError, RuntimeError, OSError) as error:
        # A torchvision made for another torch: "operator torchvision::nms does not exist".
        _hide_broken(error)
    else:
        return True
    return False


def _hide_broken(error: Exception) -> None:
    """Make a broken torchvision look absent, which is all that its callers guard against."""
    for name in [n for n in sys.modules if n.partition('.')[0] == 'torchvision']:
        del sys.modules[name]
    # Makes Python report the module as not found.
    sys.modules['torchvision'] = None  # type: ignore[assignment]
    reason = ' '.join(str(error).split())
    warnings.warn(
        f'torchvision is installed but cannot be imported ({reason}) and is treated as absent; '
        'install the release that belongs to this torch, or remove it: pip uninstall torchvision',
        stacklevel=4,
    )
