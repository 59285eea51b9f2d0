"""What this machine's processor can compute fast."""

import warnings

import torch


def has_bfloat16() -> bool:
    """Whether torch computes convolutions in bfloat16 on this processor with fast instructions.

    torch then has AVX-512 or the like. This does not mean that bfloat16 is faster than float32,
    which also takes instructions for products of bfloat16 (AVX512_BF16 or AMX).
    """
    return (torch.backends.mkldnn.is_available()
            and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def warn_of_slow_bfloat16(name: str) -> None:
    """Warn if bfloat16 takes very long on this processor.

    Args:
        name: What computes in bfloat16 on the processor.
    """
    if not has_bfloat16():
        warnings.warn(f'{name}: bfloat16 is slow without instructions for it; use float32 on this '
                      'processor', stacklevel=3)
