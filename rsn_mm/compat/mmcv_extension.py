"""``mmcv-lite`` has no compiled ops, yet mmpose and mmdet import ``mmcv.ops`` unguarded.

``mmcv.utils.ext_loader.load_ext`` is wrapped. If the extension is missing, an op is replaced by its
plain torch form if there is one, and otherwise by a function that says what to install when it is
called. No module named ``mmcv._ext`` is created, because mmengine would then believe that full
mmcv is installed.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace

from rsn_mm.errors import RsnMmError

from . import plain_ops
from .stack import MMCV_WITH_OPS_COMMAND, StackError

PLAIN_OPS: dict[str, Callable] = {
    'nms': plain_ops.nms,
    # Only mmengine's report on the environment asks for these.
    'get_compiler_version': lambda: 'not available',
    'get_compiling_cuda_version': lambda: 'not available',
}


class MissingOpError(RsnMmError, RuntimeError):
    """A compiled op of mmcv was called, but the installed mmcv has no compiled ops."""


def mend() -> None:
    """Wrap the loader of mmcv's compiled extension if mmcv comes without one.

    Raises:
        StackError: If the extension is installed but cannot be loaded.
    """
    if importlib.util.find_spec('mmcv._ext') is not None:
        _check_extension_loads()
        return
    from mmcv.utils import ext_loader

    if getattr(ext_loader.load_ext, 'stands_in', False):
        return
    ext_loader.load_ext = _with_stand_ins(ext_loader.load_ext)
    _complete_transformer_bricks()


def _check_extension_loads() -> None:
    import torch  # noqa: F401  (the extension links against libraries that torch loads)

    try:
        importlib.import_module('mmcv._ext')
    except ImportError as error:
        reason = ' '.join(str(error).split())
        raise StackError(
            f'the compiled ops of mmcv do not load with the torch that is installed ({reason}); '
            f'mend it with: pip uninstall -y mmcv; {MMCV_WITH_OPS_COMMAND}'
        ) from error


def _with_stand_ins(load_ext: Callable) -> Callable:

    def load_ext_or_stand_ins(name: str, funcs: Sequence[str]):
        try:
            return load_ext(name, funcs)
        except ModuleNotFoundError as error:
            if error.name != f'mmcv.{name}':
                raise
            return SimpleNamespace(**{op: PLAIN_OPS.get(op) or _missing(op) for op in funcs})

    load_ext_or_stand_ins.stands_in = True  # type: ignore[attr-defined]
    return load_ext_or_stand_ins


def _complete_transformer_bricks() -> None:
    """Provide the one name of ``mmcv.ops`` that mmcv re-exports, if the re-export failed before."""
    bricks = sys.modules.get('mmcv.cnn.bricks.transformer')
    if bricks is not None and not hasattr(bricks, 'MultiScaleDeformableAttention'):
        from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttention

        setattr(bricks, 'MultiScaleDeformableAttention',  # noqa: B010  (has no type)
                MultiScaleDeformableAttention)


def _missing(op: str) -> Callable:

    def missing_op(*args, **kwargs):
        raise MissingOpError(
            f'the op {op!r} of mmcv is compiled code, and the mmcv installed here has none; '
            f'install mmcv with its ops: pip uninstall -y mmcv-lite; {MMCV_WITH_OPS_COMMAND}'
        )

    missing_op.__name__ = op
    return missing_op
