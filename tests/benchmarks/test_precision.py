import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmpose.registry import MODELS

from benchmarks.precision import keypoint_shifts
from rsn_mm.models import MultiStageRSNHead
from tests import golden
from tests.tools.tiny_run import write_run

CPU = torch.device('cpu')


def checkpoint(config, path):
    from mmengine.config import Config
    init_default_scope('mmpose')
    model = golden.fill(MODELS.build(Config.fromfile(config).model))
    torch.save(dict(state_dict=model.state_dict()), path)
    return str(path)


def test_shifts_are_counted_in_input_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr('benchmarks.machine.has_bfloat16', lambda: True)
    config = write_run(tmp_path)
    weights = checkpoint(config, tmp_path / 'random.pth')
    shifts = keypoint_shifts(str(config), weights, CPU)
    assert shifts['fp32'].shape == shifts['bf16'].shape == (16 * 17, )
    assert np.quantile(shifts['fp32'], 0.9) < 1e-3 < shifts['bf16'].max()

    decode, moved = MultiStageRSNHead.decode, []

    def move(self, heatmaps):
        instances = decode(self, heatmaps)
        moved.append(len(moved) % 3 == 1)  # of the three forms, the second
        if moved[-1]:
            for instance in instances:
                instance.keypoints = instance.keypoints + np.array([3., 4.], np.float32)
        return instances

    monkeypatch.setattr(MultiStageRSNHead, 'decode', move)
    shifts = keypoint_shifts(str(config), weights, CPU)
    assert abs(np.median(shifts['fp32']) - 5) < 1e-2
