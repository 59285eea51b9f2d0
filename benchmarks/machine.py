"""The machine that measures: its name, and how fast it multiplies matrices."""

import platform
import re
from collections.abc import Callable
from pathlib import Path

import mmengine
import mmpose
import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from rsn_mm.optimization.estimator import DTYPES
from rsn_mm.processors import has_bfloat16
from rsn_mm.version import __version__

from .timing import run_race

#: Side of the square matrices.
MATRIX_SIZES = {'cpu': 2048, 'cuda': 8192}
MATRIX_ROUNDS = 7


def describe(device: torch.device) -> dict[str, object]:
    """What a reader of the results must know about the machine."""
    return dict(
        device=torch.cuda.get_device_name(device) if device.type == 'cuda' else _processor(),
        threads=torch.get_num_threads(),
        system=f'{platform.system()} {platform.machine()}, Python {platform.python_version()}',
        torch=torch.__version__,
        mmengine=mmengine.__version__,
        mmpose=mmpose.__version__,
        rsn_mm=__version__)


def _processor() -> str:
    try:
        match = re.search(r'model name\s*: (.*)', Path('/proc/cpuinfo').read_text())
    except OSError:
        match = None
    return match[1].strip() if match else platform.processor() or platform.machine()


def computes_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is worth timing: without its instructions, a matrix product takes long."""
    return device.type != 'cpu' or has_bfloat16()


def forms_on(device: torch.device) -> dict[str, torch.dtype]:
    """Those of :data:`DTYPES` that the test-time form has on a device."""
    usable = {torch.float32: True, torch.float16: device.type == 'cuda',
              torch.bfloat16: computes_bfloat16(device)}
    return {name: dtype for name, dtype in DTYPES.items() if usable[dtype]}


def matmul_rates(device: torch.device) -> dict[str, float]:
    """Floating-point operations per second in a large matrix product, by name of the type."""
    size = MATRIX_SIZES.get(device.type, MATRIX_SIZES['cpu'])

    def rate(dtype: torch.dtype) -> float:
        matrix = torch.randn(size, size, device=device).to(dtype)
        times = run_race({'product': lambda: matrix @ matrix}, MATRIX_ROUNDS, device)['product']
        return 2 * size**3 / min(times.seconds)

    return {name: rate(dtype) for name, dtype in forms_on(device).items()}


def count_flops(call: Callable[[], object]) -> float:
    """Floating-point operations of convolutions and matrix products in a call."""
    def pointwise(x_shape, w_shape, bias, padding, stride, dilation, groups, *_,
                  out_shape=None, **__) -> int:
        return conv_flop_count(x_shape, w_shape, out_shape, transposed=False)

    def added(addend_shape, *shapes, **options) -> int:
        return pointwise(*shapes, **options)

    packed = {'_convolution_pointwise': pointwise, '_convolution_pointwise_': added}
    mapping = {getattr(torch.ops.mkldnn, name): count for name, count in packed.items()
               if hasattr(torch.ops.mkldnn, name)}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        call()
    return float(counter.get_total_flops())
