"""Frames, sizes, turns and time stamps of videos, whole and damaged ones."""

import logging
import wave

import numpy as np
import pytest

from rsn_mm.errors import DataError, MissingFileError, MissingPackageError
from rsn_mm.video import VideoReader

from .files import MATRICES, SIZE_WH, center_of, frame_with, set_display_matrix, write_video

COUNT = 30
CENTERS = np.stack([np.linspace(10, 80, COUNT), np.linspace(50, 12, COUNT)], 1).round()
NOISE = np.random.default_rng(0).integers(0, 256, (SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
FASTSTART = dict(movflags='faststart')  # the index of frames comes first, so that a cut file opens


@pytest.fixture(scope='module')
def images():
    return [frame_with(center) for center in CENTERS]


def test_frames_and_what_is_known_about_them(tmp_path, images):
    path = write_video(tmp_path / 'video.mp4', images)
    reader = VideoReader(path)
    assert (reader.size_wh, reader.total, reader.frames_per_second) == (SIZE_WH, COUNT, 25)
    for _ in range(2):  # each time from the first frame on
        frames = list(reader)
        assert [frame.index for frame in frames] == list(range(COUNT))
        np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(COUNT) / 25)
        assert all(frame.name == str(path) and frame.size_wh == SIZE_WH for frame in frames)
    found = [center_of(frame.image) for frame in frames]
    np.testing.assert_allclose(found, CENTERS, atol=.5)  # compression moves edges
    # Blue stays blue: the channels are in OpenCV's order.
    np.testing.assert_allclose(frames[0].image[-2, -2], (60, 0, 0), atol=8)


@pytest.mark.parametrize('turn', MATRICES)
def test_frames_are_turned_for_display(tmp_path, images, turn):
    path = write_video(tmp_path / 'video.mp4', images[:3])
    if turn != '0':
        set_display_matrix(path, MATRICES[turn])
    (width, height), (x, y) = SIZE_WH, CENTERS[2]
    size_wh, center = {
        '0': ((width, height), (x, y)), '90': ((height, width), (height - y, x)),
        '180': ((width, height), (width - x, height - y)),
        '270': ((height, width), (y, width - x)),
        'mirrored': ((width, height), (width - x, y))}[turn]
    reader = VideoReader(path)
    assert reader.size_wh == size_wh
    frame = list(reader)[2]
    assert frame.size_wh == size_wh and frame.image.flags['C_CONTIGUOUS']
    np.testing.assert_allclose(center_of(frame.image), center, atol=.5)


@pytest.mark.parametrize('ending, codec', [
    ('mp4', 'libx264'), ('mkv', 'libx264'), ('webm', 'libvpx')])
def test_time_stamps_of_a_variable_rate(tmp_path, images, ending, codec):
    seconds = .4 + np.cumsum(np.random.default_rng(1).uniform(.01, .2, COUNT)).round(3)
    path = write_video(tmp_path / f'video.{ending}', images, seconds, codec)
    found = [frame.seconds for frame in VideoReader(path)]
    np.testing.assert_allclose(found, seconds - seconds[0], atol=.002)


def test_a_long_last_frame_and_a_late_start_are_no_damage(tmp_path, images, caplog):
    seconds = np.array([2., 2.04, 2.08, 2.12, 5.])
    for name in ('video.mp4', 'video.mkv'):
        assert len(list(VideoReader(write_video(tmp_path / name, images[:5], seconds)))) == 5
    assert not caplog.records


@pytest.mark.parametrize('name, codec, options', [
    ('video.mp4', 'libx264', FASTSTART), ('video.mp4', 'mpeg4', FASTSTART),
    ('video.mkv', 'libx264', {}), ('video.avi', 'mpeg4', {}),
    ('video.mp4', 'libx264', dict(movflags='frag_keyframe+empty_moov'))])
def test_a_video_that_ends_in_mid_frame(tmp_path, name, codec, options, caplog):
    images = [np.roll(NOISE, i, 1) for i in range(COUNT)]  # noise makes frames of a known size
    path = write_video(tmp_path / name, images, codec=codec, options=options)
    whole = list(VideoReader(path))
    assert len(whole) == COUNT and not caplog.records
    path.write_bytes(path.read_bytes()[:int(path.stat().st_size * .85)])
    left = list(VideoReader(path))
    assert COUNT // 3 < len(left) < COUNT
    record, = caplog.records
    assert record.levelno == logging.WARNING and '\n' not in record.getMessage()
    assert f'{path} is damaged or cut off' in record.getMessage()
    assert (f'{len(left)} frames were decoded, the last is frame {len(left) - 1} at '
            f'{left[-1].seconds:.2f} seconds') in record.getMessage()
    for found, expected in zip(left[:-2], whole):  # the last ones may lean on what is missing
        np.testing.assert_array_equal(found.image, expected.image)


def test_damage_in_the_middle(tmp_path, caplog):
    images = [np.roll(NOISE, i, 1) for i in range(COUNT)]
    path = write_video(tmp_path / 'video.mp4', images, codec='mpeg4', gop_size=1)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle:middle + 9000] = b'\xff' * 9000
    path.write_bytes(data)
    frames = list(VideoReader(path))
    assert COUNT * 2 // 3 < len(frames) < COUNT
    record, = caplog.records
    assert f'{path} is damaged' in record.getMessage()
    np.testing.assert_allclose(frames[-1].seconds, (COUNT - 1) / 25)  # what follows is there
    assert all(after.seconds > before.seconds for before, after in zip(frames, frames[1:]))


def write_sound(path):
    with wave.open(str(path), 'wb') as file:
        file.setparams((1, 2, 8000, 0, 'NONE', ''))
        file.writeframes(bytes(8000))


def cut_to_nothing(path):
    write_video(path, [NOISE], options=FASTSTART)
    path.write_bytes(path.read_bytes()[:1200])  # the index, and little of the first frame


@pytest.mark.parametrize('write, error, words', [
    (lambda path: path.write_bytes(b''), DataError, 'cannot be read'),
    (lambda path: path.write_text('no video at all'), DataError, 'cannot be read'),
    (write_sound, DataError, 'no video stream'),
    (cut_to_nothing, DataError, 'no frame that can be decoded'),
    (lambda path: path.mkdir(), MissingFileError, 'does not exist'),
    (lambda path: None, MissingFileError, 'does not exist'),
], ids=['empty', 'text', 'sound', 'no frame', 'folder', 'absent'])
def test_what_is_no_video(tmp_path, write, error, words):
    path = tmp_path / 'video.mp4'
    write(path)
    with pytest.raises(error, match=words) as caught:
        VideoReader(path)
    assert str(path) in str(caught.value)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'av', None)
    with pytest.raises(MissingPackageError, match=r'reading a video needs .* av.*rsn_mm\[video\]'):
        VideoReader(tmp_path / 'video.mp4')
