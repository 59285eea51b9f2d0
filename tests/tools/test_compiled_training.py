"""mmengine's ``compile=`` in training, with validation."""

import pytest
import torch

from tests.tools.tiny_run import call, write_run


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.compiler.reset()


def train(folder, config, name, *options):
    assert call('train.py', config, '--work-dir', folder / name, '--cfg-options',
                'train_cfg.max_epochs=2', 'train_cfg.val_interval=1', f'experiment_name={name}',
                'train_dataloader.sampler.shuffle=False', *options) is None
    return torch.load(folder / name / 'epoch_2.pth')


def test_a_compiled_run_ends_where_the_plain_one_does(tmp_path):
    config = write_run(tmp_path)
    plain = train(tmp_path, config, 'plain')
    # Traced and run without a code generator, which takes a minute.
    compiled = train(tmp_path, config, 'compiled', 'compile.backend=eager')
    assert 'has been "compiled"' in next((tmp_path / 'compiled').glob('*/*.log')).read_text()
    torch.testing.assert_close(compiled['state_dict'], plain['state_dict'], atol=1e-5, rtol=1e-4)
