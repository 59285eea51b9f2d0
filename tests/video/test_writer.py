"""Videos that are written: time stamps, sizes, and either the whole file or none."""

import os
import resource
import signal

import av
import numpy as np
import pytest

from rsn_mm.errors import ExistingFileError, MissingPackageError, OptionError, OutputError
from rsn_mm.video import VideoReader, VideoWriter

from .files import SIZE_WH, center_of, frame_with

SECONDS = np.cumsum(np.random.default_rng(0).uniform(.01, .1, 20)).round(3)
SECONDS -= SECONDS[0]
CENTERS = np.stack([np.linspace(10, 80, 20), np.linspace(50, 12, 20)], 1).round()


def written(path, seconds=SECONDS, size_wh=SIZE_WH, **options):
    with VideoWriter(path, **options) as video:
        for center, stamp in zip(CENTERS, seconds):
            video.write(frame_with(center, size_wh), stamp)
    return VideoReader(path)


@pytest.mark.parametrize('ending', ['mp4', 'mov', 'mkv', 'MP4'])
def test_frames_and_time_stamps(tmp_path, ending):
    reader = written(tmp_path / f'video.{ending}')
    frames = list(reader)
    assert reader.size_wh == SIZE_WH
    np.testing.assert_allclose([frame.seconds for frame in frames], SECONDS, atol=.001)
    np.testing.assert_allclose([center_of(frame.image) for frame in frames], CENTERS, atol=.5)
    np.testing.assert_allclose(frames[0].image[-2, -2], (60, 0, 0), atol=8)
    assert os.listdir(tmp_path) == [f'video.{ending}']


def test_frames_without_time_stamps_follow_the_rate(tmp_path):
    reader = written(tmp_path / 'video.mp4', [None] * 20, frames_per_second=30000 / 1001)
    np.testing.assert_allclose([frame.seconds for frame in reader], np.arange(20) * 1001 / 30000,
                               atol=1e-4)
    assert reader.frames_per_second == pytest.approx(30000 / 1001, rel=1e-3)


def test_times_that_do_not_advance_are_moved(tmp_path):
    seconds = [0, .04, .04, .02, .08]
    found = [frame.seconds for frame in written(tmp_path / 'video.mp4', seconds)]
    np.testing.assert_allclose(found, [0, .04, .04, .04, .08], atol=1e-4)
    assert all(before < after for before, after in zip(found, found[1:]))


def test_odd_sizes_grow_by_a_pixel(tmp_path):
    reader = written(tmp_path / 'video.mp4', size_wh=(95, 63))
    assert reader.size_wh == (96, 64)
    np.testing.assert_allclose(center_of(next(iter(reader)).image), CENTERS[0], atol=.5)


def test_codec_is_h264_or_what_every_build_has(tmp_path, monkeypatch):
    def codec(path):
        written(path)
        with av.open(str(path)) as container:
            return container.streams.video[0].codec_context.name
    assert codec(tmp_path / 'h264.mp4') == 'h264'
    found = VideoWriter._can_encode
    monkeypatch.setattr(VideoWriter, '_can_encode',
                        lambda self, name: name == 'mpeg4' and found(self, name))
    assert codec(tmp_path / 'mpeg4.mp4') == 'mpeg4'


def test_nothing_is_left_of_an_interrupted_video(tmp_path):
    path = tmp_path / 'video.mp4'
    with pytest.raises(KeyboardInterrupt), VideoWriter(path) as video:
        video.write(frame_with((20, 20)), 0)
        assert os.listdir(tmp_path) != ['video.mp4']  # it has another name until it is complete
        raise KeyboardInterrupt
    assert not os.listdir(tmp_path)


def test_an_existing_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / 'video.mp4'
    path.write_text('old')
    with pytest.raises(ExistingFileError, match='video.mp4 is there already'):
        VideoWriter(path)
    with pytest.raises(ZeroDivisionError), VideoWriter(path, overwrite=True) as video:
        video.write(frame_with((20, 20)), 1 / 0)
    assert path.read_text() == 'old'
    assert len(list(written(path, overwrite=True))) == 20


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(OptionError, match=r'video.gif: expected a name ending with .mp4'):
        VideoWriter(tmp_path / 'video.gif')
    path = tmp_path / 'video.mp4'
    with pytest.raises(OptionError, match='a frame of 64 x 96 pixels, expected 96 x 64'):
        with VideoWriter(path) as video:
            video.write(frame_with((20, 20)))
            video.write(frame_with((20, 20), SIZE_WH[::-1]))
    with pytest.raises(OutputError, match='no frame was written'), VideoWriter(path):
        pass
    assert not os.listdir(tmp_path)
    monkeypatch.setitem(__import__('sys').modules, 'av', None)
    with pytest.raises(MissingPackageError, match='writing a video needs'):
        VideoWriter(path)


def test_a_full_disk_is_one_error_that_names_the_file(tmp_path):
    path = tmp_path / 'video.mp4'
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit then fails
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputError, match='video.mp4 cannot be written'):
            with VideoWriter(path) as video:
                for i in range(30):
                    video.write(np.roll(noise, i), i / 25)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not os.listdir(tmp_path)
