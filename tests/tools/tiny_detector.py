"""A small detector of random weights that finds persons and dogs in the images of ``tiny_run``."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed

from tests.tools.tiny_run import ROOT

DETECTOR = ROOT / 'configs' / 'mixing' / 'retinanet_rsn18-fpn_1x_coco.py'
SMALL = {'model.backbone.num_blocks': (1, 1, 1, 1),
         'test_dataloader.dataset.pipeline.1.scale': (96, 128)}
#: Of the command line, for the same network.
OPTIONS = ('--cfg-options', 'model.backbone.num_blocks=1,1,1,1',
           'test_dataloader.dataset.pipeline.1.scale=(96,128)')


def write_detector(folder: Path) -> Path:
    """Write the checkpoint of a detector that finds persons (label 0) and dogs (16)."""
    set_random_seed(0)
    cfg = Config.fromfile(DETECTOR)
    cfg.merge_from_dict(SMALL)
    init_default_scope('mmdet')
    from mmdet.registry import MODELS
    model = MODELS.build(cfg.model)
    model.init_weights()
    with torch.no_grad():
        biases = model.bbox_head.retina_cls.bias.view(-1, 80)
        biases.fill_(-20)
        biases[:, 0], biases[:, 16] = 0.3, -0.3
        model.bbox_head.retina_cls.weight.mul_(20)
        model.bbox_head.retina_reg.weight.mul_(5)
    torch.save(dict(state_dict=model.state_dict()), folder / 'det.pth')
    return folder / 'det.pth'
