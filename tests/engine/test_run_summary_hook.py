"""What a run consists of, as its first lines say it."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, Dataset

import rsn_mm.engine.run_summary_hook as summary
from rsn_mm.engine import AmpOptimWrapper


class Samples(Dataset):

    def __init__(self, length, ann_file):
        self.length, self.ann_file = length, ann_file

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return index


def test_a_network_is_named_by_its_parts_and_size():
    model = nn.Module()
    model.backbone, model.head = nn.Linear(999, 1000), nn.Identity()
    assert summary.network_of(model) == 'Linear + Identity, 1.0 M parameters'
    ensemble = nn.Module()
    ensemble.members = nn.ModuleList([model, nn.Linear(1999, 500)])
    assert summary.network_of(ensemble) == 'Module of 2 networks, 2.0 M parameters'


def test_data_are_counted_and_named_by_their_files(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    data = ConcatDataset([Samples(1200, str(tmp_path / 'a.json')), Samples(34, '/else/b.json')])
    assert summary.data_of(DataLoader(data)) == '1,234 samples of a.json, /else/b.json'
    assert summary.data_of(DataLoader(Samples(1, 'c.json'))) == '1 sample of c.json'


@pytest.mark.parametrize('size, processes, steps, expected', [
    (1, 1, 1, '1 image'), (32, 1, 1, '32 images'), (32, 8, 1, '32 images in each of 8 processes'),
    (8, 1, 4, '8 images, gradients of 4 batches added up'),
])
def test_a_batch_tells_processes_and_accumulation(monkeypatch, size, processes, steps, expected):
    monkeypatch.setattr(summary, 'get_world_size', lambda: processes)
    wrapper = SimpleNamespace(_accumulative_counts=steps)
    loader = DataLoader(Samples(64, 'a.json'), batch_size=size)
    assert summary.batch_of(loader, wrapper) == expected
    assert summary.batch_size_of(loader) == size


def test_the_precision_is_that_of_the_wrapper():
    parameter = nn.Parameter(torch.ones(1))
    wrapper = AmpOptimWrapper(optimizer=torch.optim.SGD([parameter], lr=1.))
    assert summary.precision_of(wrapper) == 'mixed precision in bfloat16'
    assert summary.precision_of(SimpleNamespace()) == 'float32'


def test_the_device_is_that_of_the_model(monkeypatch):
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 4)
    assert summary.device_of(nn.Linear(1, 1)) == 'CPU, 4 threads'
