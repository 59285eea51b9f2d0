"""mmengine's ``compile=`` in training, with validation."""

import torch

from tests.tools.tiny_run import call, fork, write_run


def train(folder, config, name, *options):
    arguments = (config, '--work-dir', folder / name, '--cfg-options', 'train_cfg.max_epochs=2',
                 'train_cfg.val_interval=1', 'train_dataloader.sampler.shuffle=False', *options)
    if options:  # in a process of its own: what the compiler makes depends on what ran before
        with fork('train.py', *arguments, cwd=folder) as process:
            output = process.stdout.read()
        assert process.returncode == 0, output
    else:
        assert call('train.py', *arguments) is None
    log = next((folder / name).glob('*/*.log')).read_text()
    return torch.load(folder / name / 'epoch_2.pth')['state_dict'], log


def test_a_compiled_run_ends_where_the_plain_one_does(tmp_path):
    config = write_run(tmp_path)
    plain, _ = train(tmp_path, config, 'plain')
    # Traced and run without a code generator, which takes a minute.
    compiled, log = train(tmp_path, config, 'compiled', 'compile.backend=eager')
    assert 'has been "compiled"' in log
    torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=1e-4)
