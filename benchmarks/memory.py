"""Peak memory of a training step, measured in a new process; on a CPU this needs /proc."""

import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from . import networks
from .machine import computes_bfloat16
from .networks import Case
from .timing import REFERENCE

IMAGES = 32
#: The measured forms of the step, with the arguments of :func:`_peak`.
FORMS = {
    REFERENCE: dict(),
    'ours': dict(),
    'ours, bf16 AMP': dict(amp=True),
    'ours, with_cp': dict(with_cp=True),
    'ours, with_cp, bf16 AMP': dict(with_cp=True, amp=True),
    'ours, accumulated over 4 x 8 images': dict(parts=4),
}


def training_memory(device: torch.device) -> dict[str, int]:
    """Bytes that each form needs beyond what the process holds before the step."""
    peaks = {}
    context = multiprocessing.get_context('spawn')
    forms = {name: options for name, options in FORMS.items()
             if not options.get('amp') or computes_bfloat16(device)}
    for name, options in forms.items():
        with ProcessPoolExecutor(1, mp_context=context) as process:
            peaks[name] = process.submit(_peak, name, device, **options).result()
    return peaks


def _peak(name: str, device: torch.device, amp: bool = False, with_cp: bool = False,
          parts: int = 1) -> int:
    case = Case()
    model_cfg = networks.mmpose_model(case) if name == REFERENCE else networks.our_model(case)
    if with_cp:
        model_cfg['backbone']['with_cp'] = True
    model = networks.build(model_cfg, device)
    side = REFERENCE if name == REFERENCE else 'ours'
    count = IMAGES // parts
    samples = networks.training_samples(
        count, case, networks.target_transforms(case)[side], device)
    images = networks.random_images(count, case.size_wh, device)
    before = _used(device)
    networks.training_step(model, images, samples, amp, parts)()
    return _used(device) - before


def _used(device: torch.device) -> int:
    """The most bytes that this process has held so far."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device)
    # On Linux, `ru_maxrss` would start from that of the parent process.
    match = re.search(r'VmHWM:\s*(\d+) kB', Path('/proc/self/status').read_text())
    return int(match[1]) * 1024
