"""mmpose's SimCC visualizer imports one name of torchvision, which may be absent or broken.

``torchvision.transforms`` alone is stood in for: ``import torchvision`` goes on to fail as for
any missing package, and ``find_spec('torchvision')`` to find nothing, so that no other library
takes it for installed.
"""

import importlib
import importlib.util
import sys
import warnings
from importlib.machinery import ModuleSpec
from types import ModuleType

NAME = 'torchvision.transforms'


class ToPILImage:
    """Stands for the transform of torchvision; says what is missing when it is used."""

    def __init__(self, *args, **kwargs):
        raise ImportError(
            'ToPILImage needs torchvision, which is not installed or was made for another torch; '
            'install the release that belongs to the installed torch, from where that came'
        )


def mend() -> None:
    """Stand in for ``torchvision.transforms`` where the real one cannot be imported."""
    if NAME in sys.modules or _imports():
        return
    module = ModuleType(NAME, __doc__)
    module.__spec__ = ModuleSpec(NAME, loader=None)
    module.ToPILImage = ToPILImage
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
    """Make a torchvision that cannot be imported look absent: callers guard only against that."""
    for name in [n for n in sys.modules if n.partition('.')[0] == 'torchvision']:
        del sys.modules[name]
    sys.modules['torchvision'] = None  # what Python itself takes for "not there"
    reason = ' '.join(str(error).split())
    warnings.warn(
        f'torchvision is installed but cannot be imported ({reason}) and is treated as absent; '
        'install the release that belongs to this torch, or remove it: pip uninstall torchvision',
        stacklevel=4,
    )
