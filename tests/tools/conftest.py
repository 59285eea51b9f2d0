import pytest
import torch


@pytest.fixture(scope='module', autouse=True)
def one_thread():
    """Tools run in the process of the tests, several of which share the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
