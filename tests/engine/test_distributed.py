import pytest
import torch
import torch.distributed as dist
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from torch import nn

import rsn_mm.engine.distributed as distributed
from rsn_mm.engine import CPUDistributedDataParallel


class Toy(BaseModel):

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.SyncBatchNorm(4))

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.layers(inputs).square().mean() + self.layers[0].weight.sum())


@pytest.fixture
def gloo(tmp_path):
    dist.init_process_group(
        'gloo', init_method=f'file://{tmp_path / "store"}', rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_a_model_with_sync_bn_trains_on_the_cpu(gloo, monkeypatch):
    logged = []
    monkeypatch.setattr(distributed, 'print_log', lambda text, logger, level: logged.append(text))
    torch.manual_seed(0)
    model = CPUDistributedDataParallel(Toy(), device_ids=[0])
    assert isinstance(model.module.layers[1], nn.modules.batchnorm._BatchNorm)
    assert not isinstance(model.module.layers[1], nn.SyncBatchNorm)
    assert not model.broadcast_buffers
    assert [text[:33] for text in logged] == ['SyncBN needs a GPU: 1 layers use ']
    before = model.module.layers[0].weight.clone()
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    model.train_step(dict(inputs=torch.randn(4, 3, 2, 2)), optim)
    assert not torch.equal(model.module.layers[0].weight, before)
    assert model.module.layers[1].num_batches_tracked == 1
