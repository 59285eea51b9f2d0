import pytest
import torch

from rsn_mm.codecs import RSNHeatmap
from rsn_mm.codecs.peaks import PeakFinder

HEIGHT, WIDTH = 32, 24


def finder(kernel_size, height=HEIGHT):
    return PeakFinder(height, WIDTH, kernel_size, 10, torch.device('cpu'))


def joint_maps(number, seed):
    """Maps of one joint each, some of them at the borders."""
    generator = torch.Generator().manual_seed(seed)
    codec = RSNHeatmap((4 * WIDTH, 4 * HEIGHT))
    xy = torch.rand(1, number, 2, generator=generator) * torch.tensor([4. * WIDTH, 4. * HEIGHT])
    xy[0, ::4, 0], xy[0, 1::4, 1], xy[0, 2::8, 1] = 1, 1, 4 * HEIGHT - 1
    return codec.render(xy, torch.full((1, number), 2))[0, -1]


def noise(number, seed):
    return torch.randn(number, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed))


def two_joints(number):
    """A second joint, nearly as high, far from the first: the second highest cell may be there."""
    return joint_maps(number, 3) + 0.97 * joint_maps(number, 4)


MAPS = dict(
    joints=joint_maps(64, 0),
    noisy_joints=joint_maps(64, 1) + 8 * noise(64, 1),
    noise=noise(64, 2),
    two_joints=two_joints(64),
    empty=torch.zeros(3, HEIGHT, WIDTH),
    negative=-1 - noise(5, 5).abs(),
    one_cell=torch.zeros(3, HEIGHT, WIDTH).index_put_(
        (torch.arange(3), torch.tensor([0, 31, 7]), torch.tensor([0, 23, 0])), torch.tensor(9.)),
)


@pytest.mark.parametrize('kernel_size', [1, 5, 9, 21])
@pytest.mark.parametrize('name', MAPS)
def test_the_window_finds_the_peaks_of_all_cells(name, kernel_size):
    find = finder(kernel_size)
    torch.testing.assert_close(
        find(MAPS[name]), find.search_all(MAPS[name]), rtol=0, atol=0)


def count_searched(monkeypatch):
    """The number of maps of every search of all cells."""
    searched, search_all = [], PeakFinder.search_all

    def count(self, maps):
        searched.append(len(maps))
        return search_all(self, maps)

    monkeypatch.setattr(PeakFinder, 'search_all', count)
    return searched


@pytest.mark.parametrize('kernel_size', [5, 9])
def test_only_maps_that_the_window_leaves_open_are_searched(monkeypatch, kernel_size):
    searched = count_searched(monkeypatch)
    maps = torch.cat((MAPS['joints'], MAPS['noise'][:3], MAPS['joints']))
    finder(kernel_size)(MAPS['joints'])
    assert searched == []
    finder(kernel_size)(maps)
    assert searched == [3]


@pytest.mark.parametrize('height, is_searched', [(6, False), (7, True)])
def test_low_maps(monkeypatch, height, is_searched):
    """Rows are taken in pairs; windows may be higher than the map."""
    searched = count_searched(monkeypatch)
    maps = joint_maps(16, 0)[:, :height].contiguous()
    find = finder(5, height)
    peaks = find(maps)
    assert (searched == [len(maps)]) == is_searched
    torch.testing.assert_close(peaks, find.search_all(maps), rtol=0, atol=0)


@pytest.mark.parametrize('kernel_size', [5, 9])
def test_of_equal_cells_the_first_in_reading_order(kernel_size):
    """Around a cell whose map is symmetric, its four neighbors are equal."""
    maps = torch.zeros(2, HEIGHT, WIDTH)
    bump = torch.tensor([0.1, 0.7, 1.1, 0.7, 0.1])
    maps[:, 10:15, 8:13] = bump[:, None] * bump
    first, second = finder(kernel_size)(maps)
    assert first.tolist() == [[10, 12]] * 2
    assert second.tolist() == [[10, 11]] * 2
    assert finder(kernel_size).search_all(maps).second.tolist() == second.tolist()


def test_the_maps_are_left_as_they_were():
    maps = MAPS['noisy_joints'].clone()
    finder(1)(maps)
    assert torch.equal(maps, MAPS['noisy_joints'])
