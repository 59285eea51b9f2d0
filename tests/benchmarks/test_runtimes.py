import sys
from unittest import mock

import numpy as np
import torch

from benchmarks.runtimes import latencies, open_runtimes
from benchmarks.timing import Times
from rsn_mm.apis import optimize
from tests.export.tiny import tiny_model

IMAGES = torch.randn(4, 3, 64, 48, generator=torch.Generator().manual_seed(0))


def test_every_runtime_computes_the_heatmaps():
    model = tiny_model()
    with mock.patch.dict(sys.modules, {'onnxruntime': None, 'onnxruntime.quantization': None}):
        sessions, missing = open_runtimes(model, IMAGES)
    assert list(sessions) == ['OpenVINO fp32', 'OpenVINO bf16', 'OpenVINO int8']
    assert list(missing) == ['ONNX Runtime fp32', 'ONNX Runtime int8']
    assert 'onnxruntime' in missing['ONNX Runtime fp32']
    expected = optimize(model).heatmaps(IMAGES).numpy()
    for name, limit in (('OpenVINO fp32', 1e-4), ('OpenVINO bf16', 0.05), ('OpenVINO int8', 0.2)):
        difference = np.abs(sessions[name](IMAGES.numpy())['heatmaps'] - expected).max()
        assert difference <= limit * np.abs(expected).max(), name


def test_latencies_are_quantiles_of_single_calls():
    seconds = tuple(np.arange(1, 102) / 1000)
    assert latencies({'a': Times(seconds)}) == {'a, p50 and p99': '51.0 and 100.0 ms'}
