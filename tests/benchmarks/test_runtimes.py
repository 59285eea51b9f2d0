import sys

import numpy as np
import torch

from benchmarks.runtimes import latencies, open_runtimes
from benchmarks.timing import Times
from rsn_mm.apis import optimize
from rsn_mm.processors import has_bfloat16
from tests.export.tiny import tiny_model

IMAGES = torch.randn(4, 3, 64, 48, generator=torch.Generator().manual_seed(0))


def test_every_runtime_computes_the_heatmaps(monkeypatch):
    model = tiny_model()
    for name in ('onnxruntime', 'onnxruntime.quantization'):
        monkeypatch.setitem(sys.modules, name, None)
    sessions, missing = open_runtimes(model, IMAGES)
    limits = {'OpenVINO fp32': 1e-4, 'OpenVINO int8': 0.2}
    if has_bfloat16():
        limits['OpenVINO bf16'] = 0.05
    assert sessions.keys() == limits.keys()
    assert list(missing) == ['ONNX Runtime fp32', 'ONNX Runtime int8']
    assert 'onnxruntime' in missing['ONNX Runtime fp32']
    expected = optimize(model).heatmaps(IMAGES).numpy()
    for name, limit in limits.items():
        difference = np.abs(sessions[name](IMAGES.numpy())['heatmaps'] - expected).max()
        assert difference <= limit * np.abs(expected).max(), name


def test_latencies_are_quantiles_of_single_calls():
    seconds = tuple(np.arange(1, 102) / 1000)
    assert latencies({'a': Times(seconds)}) == {'a, p50 and p99': '51.0 and 100.0 ms'}
