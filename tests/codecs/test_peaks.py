import pytest
import torch

from rsn_mm.codecs import RSNHeatmap, peaks
from rsn_mm.codecs.gaussian import blur_matrix
from rsn_mm.codecs.peaks import blurred_peaks, plain_blurred_peaks

HEIGHT, WIDTH = 32, 24


def blurs(kernel_size):
    return [torch.as_tensor(blur_matrix(n, kernel_size, 10), dtype=torch.float32)
            for n in (HEIGHT, WIDTH)]


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


@pytest.mark.parametrize('kernel_size', [1, 5, 9])
@pytest.mark.parametrize('name', MAPS)
def test_the_window_finds_the_peaks_of_all_cells(name, kernel_size):
    found = blurred_peaks(MAPS[name], *blurs(kernel_size))
    expected = plain_blurred_peaks(MAPS[name], *blurs(kernel_size))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize('kernel_size', [5, 9])
def test_joints_need_no_search_of_all_cells(monkeypatch, kernel_size):
    def refuse(*_):
        raise AssertionError('searched all cells')

    monkeypatch.setattr(peaks, 'plain_blurred_peaks', refuse)
    blurred_peaks(MAPS['joints'], *blurs(kernel_size))
    with pytest.raises(AssertionError, match='all cells'):
        blurred_peaks(MAPS['noise'], *blurs(kernel_size))


def test_only_maps_that_the_window_leaves_open_are_searched(monkeypatch):
    maps = torch.cat((MAPS['joints'], MAPS['noise'][:3], MAPS['joints']))
    searched = []

    def count(maps, *matrices):
        searched.append(len(maps))
        return plain_blurred_peaks(maps, *matrices)

    monkeypatch.setattr(peaks, 'plain_blurred_peaks', count)
    found = blurred_peaks(maps, *blurs(5))
    torch.testing.assert_close(found, plain_blurred_peaks(maps, *blurs(5)), rtol=0, atol=0)
    assert searched == [3]


def test_maps_lower_than_the_window():
    maps, (blur_y, blur_x) = MAPS['joints'][:, :7], blurs(5)
    blur_y = torch.as_tensor(blur_matrix(7, 5, 10), dtype=torch.float32)
    torch.testing.assert_close(blurred_peaks(maps, blur_y, blur_x),
                               plain_blurred_peaks(maps, blur_y, blur_x), rtol=0, atol=0)


def test_the_maps_are_left_as_they_were():
    maps = MAPS['noisy_joints'].clone()
    blurred_peaks(maps, *blurs(1))
    assert torch.equal(maps, MAPS['noisy_joints'])
