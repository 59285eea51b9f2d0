"""The paper's recipe on two processes, as far as it can run without a GPU.

SyncBN has no CPU form in torch: the run replaces it by plain norms and says so. Everything else is
as the config says: augmentation, schedule, float32, a learning rate in proportion to the batch.
"""

import json
import re

import pytest
import torch

from tests.tools.tiny_run import ROOT, draw_persons, fork_two

CONFIG = '''
_base_ = [{base!r}]

data_root = {root!r}
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(data_root=data_root))
model = dict(
    backbone=dict(num_blocks=(1, 1, 1, 1), unit_channels=16),
    head=dict(unit_channels=16))
train_cfg = dict(max_epochs=2)
default_hooks = dict(logger=dict(interval=1))
'''


def test_two_processes_train_by_the_papers_recipe(tmp_path):
    images = tmp_path / 'train2017'
    images.mkdir()
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations' / 'person_keypoints_train2017.json').write_text(
        json.dumps(draw_persons(images, num_images=4)))
    (tmp_path / 'tiny.py').write_text(CONFIG.format(
        base=str(ROOT / 'configs' / 'rsn' / 'rsn18-paper-recipe_coco-256x192.py'),
        root=str(tmp_path)))
    output = fork_two('train.py', 'tiny.py', '--no-validate', '--work-dir', 'run',
                      '--auto-scale-lr', cwd=tmp_path, port=29715)
    synced = re.search(r'SyncBN needs a GPU: (\d+) layers use plain BN', output)
    trained = torch.load(max((tmp_path / 'run').glob('*.pth')))
    means = [name for name in trained['state_dict'] if name.endswith('running_mean')]
    assert synced and int(synced[1]) == len(means)  # every norm was to be synchronized
    assert all(value.dtype in (torch.float32, torch.int64) and not torch.isnan(value).any()
               for value in trained['state_dict'].values())
    # 4 images, 2 on each process: one iteration per epoch, at the start of the warm-up, with the
    # learning rate of 384 images in proportion.
    assert trained['meta']['iter'] == 2
    group, = trained['optimizer']['param_groups']
    assert group['initial_lr'] == pytest.approx(4e-3 * 4 / 384)
    assert group['lr'] < 0.2 * group['initial_lr']
