"""The MPII config from training to PCKh, on generated people."""

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from rsn_mm.datasets.synthetic import SceneOptions, SplitOptions, write_split
from tests.test_real_data import ROOT, TINY


def test_trains_and_evaluates(tmp_path):
    init_default_scope('mmpose')
    scene = SceneOptions(size_wh=(160, 128), people_max=1)
    for split, number in (('train', 8), ('val', 4)):
        write_split(tmp_path, SplitOptions(split, number, format='mpii', scene=scene), workers=1)
    cfg = Config.fromfile(ROOT / 'configs' / 'rsn' / 'rsn18_mpii-256x256.py')
    cfg.merge_from_dict({
        **TINY, 'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1,
        'default_hooks.checkpoint.interval': 1, 'work_dir': str(tmp_path / 'run'),
        'val_dataloader.dataset.headbox_file': str(tmp_path / 'val' / 'headboxes.mat')})
    for loader, split in ((cfg.train_dataloader, 'train'), (cfg.val_dataloader, 'val')):
        loader.update(batch_size=4, num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=str(tmp_path / split), ann_file='annotations.json',
                              data_prefix=dict(img='images/'))
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.param_scheduler = cfg.param_scheduler[:1]
    runner = Runner.from_cfg(cfg)
    runner.train()
    scores = {name: history.current() for name, history in runner.message_hub.log_scalars.items()
              if name.startswith('val/')}
    assert {'val/Head PCK', 'val/Ankle PCK', 'val/PCK', 'val/PCK@0.1'} <= scores.keys()
    assert 0 <= scores['val/PCK'] <= 100
    # The score that chooses the best checkpoint is there under the name the config says.
    assert list((tmp_path / 'run').glob('best_PCK_epoch_1.pth'))
    assert runner.optim_wrapper.get_lr()['lr'][0] == pytest.approx(4e-4, rel=0.01)  # warm-up
