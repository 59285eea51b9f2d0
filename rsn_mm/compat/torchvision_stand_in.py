"""mmpose's SimCC visualizer imports one name from torchvision, which may be absent or broken.

A stand-in takes its place while that module is imported, and is gone afterwards. For all other
code, an absent torchvision is absent, and a broken one says why it is broken.
"""

import importlib
import sys
import warnings
from importlib.machinery import ModuleSpec
from types import ModuleType

NAME = 'torchvision.transforms'
#: The module of mmpose that needs the name.
USER = 'mmpose.visualization.simcc_vis'


class ToPILImage:
    """Takes the place of torchvision's transform, and says what is missing when it is used."""

    def __init__(self, *args, **kwargs):
        raise ImportError(
            'ToPILImage needs torchvision, which is not installed or was made for another torch; '
            'install the release that belongs to the installed torch, from where that came'
        )


class BrokenTorchvision:
    """Finds torchvision, and says on every import why it cannot be imported.

    The error is of the kind that those who can do without torchvision, such as mmengine, expect.
    """

    def __init__(self, reason: str):
        self.reason = reason

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        # mypy wants an abstract base class that would add nothing.
        return ModuleSpec(name, self) if name == 'torchvision' else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        raise ModuleNotFoundError(f'torchvision is installed but cannot be imported: {self.reason}',
                                  name='torchvision')


def mend() -> None:
    """Import the module of mmpose with a stand-in if ``torchvision.transforms`` does not import."""
    if USER in sys.modules or _imports():
        return
    module = ModuleType(NAME, __doc__)
    setattr(module, 'ToPILImage', ToPILImage)  # noqa: B010  (a plain assignment has no type)
    sys.modules[NAME] = module
    try:
        importlib.import_module(USER)
    finally:
        del sys.modules[NAME]


def _imports() -> bool:
    try:
        importlib.import_module(NAME)
    except ModuleNotFoundError as error:
        if error.name == 'torchvision':
            return False
        _replace_broken(error)
    except (ImportError, RuntimeError, OSError) as error:
        # A torchvision made for another torch: "operator torchvision::nms does not exist".
        _replace_broken(error)
    else:
        return True
    return False


def _replace_broken(error: Exception) -> None:
    """A second import must end in the same error, not in half a package."""
    for name in [n for n in sys.modules if n.partition('.')[0] == 'torchvision']:
        del sys.modules[name]
    reason = ' '.join(str(error).split())
    sys.meta_path.insert(0, BrokenTorchvision(reason))
    warnings.warn(
        f'torchvision is installed but cannot be imported ({reason}) and is treated as absent; '
        'install the release that belongs to this torch, or remove it: pip uninstall torchvision',
        stacklevel=4,
    )
