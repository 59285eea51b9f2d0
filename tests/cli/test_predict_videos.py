"""rsn-mm predict: videos and cameras become files and videos with poses."""

import csv
import json
import os
import re
import signal
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from rsn_mm.apis import Predictor
from rsn_mm.cli import predict
from rsn_mm.prediction.journal import Journal
from rsn_mm.video import BoxCarrier, VideoReader, follow, job
from tests.tools.tiny_run import write_run, write_weights

NUM_FRAMES = 30


def write_lossless(path: Path, images, rate=25) -> None:
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('ffv1', rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = 'bgr0'
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format='bgr24').reformat(format='bgr0')
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A video of a box that moves, as a file and as images, and a network of fixed weights."""
    folder = tmp_path_factory.mktemp('videos')
    write_weights(write_run(folder))
    image = cv2.imread(str(folder / '001.png'))
    images = [np.roll(image, 2 * i, 1) for i in range(NUM_FRAMES)]
    write_lossless(folder / 'clip.mkv', images)
    (folder / 'images').mkdir()
    boxes, of_frames = [], []
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / 'images' / f'{i + 1}.png'), image)
        box = [10 + i, 5, 40, 60]
        boxes.append(dict(image_id=i + 1, category_id=1, bbox=box, score=.9))
        of_frames.append(dict(image_id=f'clip.mkv#{i}', category_id=1, bbox=box, score=.9))
    (folder / 'boxes.json').write_text(json.dumps(boxes))
    (folder / 'frames.json').write_text(json.dumps(of_frames))
    return folder


@pytest.fixture(scope='module')
def network(folder):
    return Predictor(folder / 'tiny.py', folder / 'tiny.pth', 'cpu')


@pytest.fixture
def here(folder, tmp_path, monkeypatch, network):
    """An empty folder to work in, and a detector that sees two boxes and counts its calls."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, 'Predictor', lambda *args, **options: network)
    return folder


class Detector:
    def __init__(self, *args, **options):
        self.frames = []
        Detector.last = self

    def __call__(self, frames):
        self.frames += [frame.index for frame in frames]
        return [np.array([[5 + frame.index, 5, 60, 70, .9], [40, 2, 90, 70, .8]], np.float32)
                for frame in frames]


@pytest.fixture
def detector(monkeypatch):
    monkeypatch.setattr(predict, 'Detector', Detector)
    monkeypatch.setattr(predict, 'load_config', lambda *args: None)
    return '--detector', 'det.py', 'det.pth'


def command(folder, *more):
    """Run the command; returns its exit status or message."""
    inputs = () if more and not str(more[0]).startswith('--') else (folder / 'clip.mkv', )
    try:
        predict.main([str(arg) for arg in (
            *inputs, *more, '--model', folder / 'tiny.py', folder / 'tiny.pth')])
    except SystemExit as exit_:
        return exit_.code
    return 0


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


# ------------------------------------------------------------------------------------ what it gives


def test_people_are_those_of_the_images(here):
    assert command(here, '--boxes', here / 'frames.json', '--track', 'none',
                   '--output', 'video.jsonl') == 0
    assert command(here, here / 'images', '--boxes', here / 'boxes.json',
                   '--output', 'images.jsonl') == 0
    found = {Path(record['image']).stem: record for record in lines('images.jsonl')}
    records = lines('video.jsonl')
    assert [record['frame'] for record in records] == list(range(NUM_FRAMES))
    assert [record['seconds'] for record in records] == pytest.approx(
        np.arange(NUM_FRAMES) / 25, abs=1e-3)
    for record in records:
        expected, = found[str(record['frame'] + 1)]['people']
        person, = record['people']
        np.testing.assert_allclose(person['keypoints'], expected['keypoints'], atol=2e-3)
        assert person['box'] == expected['box'] and 'track' not in person


def test_tracks_are_in_every_format(here, detector):
    records = {}
    for ending in ('json', 'jsonl', 'csv', 'parquet'):
        assert command(here, *detector, '--output', f'out.{ending}') == 0
    records['jsonl'] = [[person['track'] for person in record['people']]
                        for record in lines('out.jsonl')]
    assert records['jsonl'] == [[0, 1]] * NUM_FRAMES
    tracks = [track for frame in records['jsonl'] for track in frame]
    rows = list(csv.DictReader(open('out.csv')))
    assert [int(row['track']) for row in rows] == tracks
    assert [int(row['frame']) for row in rows][::2] == list(range(NUM_FRAMES))
    assert [person['track_id'] for person in json.loads(Path('out.json').read_text())] == tracks
    assert [person['track'] for people in pq.read_table('out.parquet')['people'].to_pylist()
            for person in people] == tracks


@pytest.mark.parametrize('option, every', [((), 1), (('--detect-every', '7'), 7)])
def test_people_are_detected_now_and_then(here, detector, option, every, monkeypatch):
    monkeypatch.setattr(job, 'follow', lambda *args: keep_all(*args))
    assert command(here, *detector, *option, '--output', 'out.jsonl') == 0
    assert Detector.last.frames == list(range(0, NUM_FRAMES, every))


def keep_all(frames, predict, find_people, every):
    """Nobody is lost."""
    return follow(frames, predict, find_people, every, BoxCarrier(
        lost_score=0, joint_score=0, min_joints=0, same_person=2))


@pytest.mark.parametrize('way', ['one-euro', 'savgol'])
def test_smoothing_changes_tracked_people(here, detector, way):
    assert command(here, *detector, '--output', 'raw.jsonl') == 0
    assert command(here, *detector, '--smooth', way, '--output', 'smooth.jsonl') == 0
    raw, smooth = (np.array([person['keypoints'] for record in lines(name)
                             for person in record['people']])[::2, :, :2]
                   for name in ('raw.jsonl', 'smooth.jsonl'))
    assert np.abs(np.diff(smooth, 2, 0)).mean() < 0.9 * np.abs(np.diff(raw, 2, 0)).mean()


def test_the_video_is_drawn(here, detector):
    assert command(here, *detector, '--draw', 'poses.mp4', '--draw-thr', '0') == 0
    assert sorted(os.listdir('.')) == ['keypoints.jsonl', 'poses.mp4']
    drawn, plain = list(VideoReader('poses.mp4')), list(VideoReader(here / 'clip.mkv'))
    assert [frame.seconds for frame in drawn] == pytest.approx(
        [frame.seconds for frame in plain], abs=1e-3)
    assert np.abs(drawn[5].image.astype(int) - plain[5].image).max() > 100


def test_without_options_videos_go_to_a_folder(here, detector, tmp_path):
    (tmp_path / 'b').mkdir()
    for path in (tmp_path / 'clip.mkv', tmp_path / 'b' / 'clip.mkv'):
        path.symlink_to(here / 'clip.mkv')
    assert command(here, '*.mkv', 'b/clip.mkv', *detector) == 0
    assert sorted(os.listdir('predictions')) == ['clip-2.mp4', 'clip.mp4', 'keypoints.jsonl']
    assert [record['image'] for record in lines('predictions/keypoints.jsonl')] == (
        ['clip.mkv'] * NUM_FRAMES + ['b/clip.mkv'] * NUM_FRAMES)


# ------------------------------------------------------------------------------------ interruptions


class Killed(BaseException):
    pass


@pytest.mark.parametrize('at', [3, 40])  # in the first video and in the second
def test_an_interrupted_run_goes_on_to_the_same_end(here, detector, monkeypatch, at):
    options = ('--detect-every', '4', '--smooth', 'savgol')
    clips = (here / 'clip.mkv', os.path.relpath(here / 'clip.mkv'))
    monkeypatch.setattr(job, 'NOTED', 5)
    assert command(here, *clips, *detector, *options, '--output', 'whole.jsonl') == 0
    with monkeypatch.context() as patch:
        add, count = Journal.add, [0]

        def dies(journal, record):
            if count[0] == at:
                raise Killed
            count[0] += 1
            add(journal, record)

        patch.setattr(Journal, 'add', dies)
        with pytest.raises(Killed):
            command(here, *clips, *detector, *options, '--output', 'broken.jsonl')
    assert not Path('broken.jsonl').exists()
    assert command(here, *clips, *detector, *options, '--output', 'broken.jsonl') == 0
    assert Path('broken.jsonl').read_bytes() == Path('whole.jsonl').read_bytes()
    assert min(Detector.last.frames) >= 0 and len(Detector.last.frames) <= 2 * NUM_FRAMES
    assert sorted(os.listdir('.')) == ['broken.jsonl', 'whole.jsonl']


def test_what_was_found_is_not_found_again(here, detector, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(job, 'write_results', lambda *args: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            command(here, *detector, '--output', 'out.jsonl')
    assert "other settings has left: smooth was None, now 'savgol'; --force discards it" in command(
        here, *detector, '--smooth', 'savgol', '--output', 'out.jsonl')
    assert command(here, *detector, '--output', 'out.jsonl') == 0
    assert Detector.last.frames == []


# ------------------------------------------------------------------------------------------ cameras


class Capture:
    """A camera that shows a video."""

    def __init__(self, number):
        self.frames = iter(VideoReader(Capture.path))
        self.number = number

    def isOpened(self):
        return self.number == 0

    def read(self):
        frame = next(self.frames, None)
        return frame is not None, frame and frame.image

    def set(self, *args):
        pass

    def get(self, what):
        return 25. if what == cv2.CAP_PROP_FPS else 0

    def release(self):
        pass


def test_a_camera_is_watched_until_it_ends(here, detector, monkeypatch):
    Capture.path = here / 'clip.mkv'
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    assert command(here, '0', *detector, '--draw', 'camera.mp4') == 0
    records = lines('keypoints.jsonl')
    assert [record['frame'] for record in records] == list(range(NUM_FRAMES))
    assert records[0]['image'] == 'camera 0' and 'track' in records[0]['people'][0]
    assert len(list(VideoReader('camera.mp4'))) == NUM_FRAMES
    assert 'camera 1 cannot be opened' in command(here, '1', *detector, '--output', 'no.csv')


def test_ctrl_c_ends_the_recording(here, detector, monkeypatch):
    Capture.path = here / 'clip.mkv'

    def read(self, plain=Capture.read):
        self.count = getattr(self, 'count', 0) + 1
        if self.count == 10:
            signal.raise_signal(signal.SIGINT)
        return plain(self)

    monkeypatch.setattr(Capture, 'read', read)
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    handler = signal.getsignal(signal.SIGINT)  # a process in the background ignores the signal
    assert command(here, '0', *detector, '--smooth', 'savgol', '--output', 'out.jsonl') == 0
    assert [record['frame'] for record in lines('out.jsonl')] == list(range(10))
    assert signal.getsignal(signal.SIGINT) is handler


# ---------------------------------------------------------------------------------------- bad input


def damaged(folder, name):
    """A file that is no video, of a kind."""
    data = (folder / 'clip.mkv').read_bytes()
    if name == 'text.mp4':
        Path(name).write_text('no video')
    elif name == 'empty.mp4':
        Path(name).write_bytes(b'')
    elif name == 'head.mkv':
        Path(name).write_bytes(data[:300])
    elif name == 'sound.mp4':
        with av.open(name, 'w') as container:
            stream = container.add_stream('aac', rate=8000)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format='fltp',
                                               layout='mono')
            frame.rate = 8000
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return name


@pytest.mark.parametrize('name, message', [
    ('no.mp4', 'no.mp4 does not exist'),
    ('text.mp4', 'text.mp4 cannot be read'),
    ('empty.mp4', 'empty.mp4 cannot be read'),
    ('head.mkv', 'head.mkv has no frame|head.mkv cannot be read'),
    ('sound.mp4', 'sound.mp4 has no'),
    ('no-*.mp4', r'no-\*.mp4: no file matches the pattern'),
])
def test_a_bad_video_is_one_message_or_skipped(here, detector, name, message):
    error = command(here, damaged(here, name), *detector, '--output', 'out.jsonl')
    assert re.search(message, error), error
    if '*' not in name:
        assert command(here, here / 'clip.mkv', name, *detector, '--skip-errors', '--force',
                       '--output', 'out.jsonl') == 3
        records = lines('out.jsonl')
        assert len(records) == NUM_FRAMES + 1 and re.search(message, records[-1]['error'])


def test_a_video_that_is_cut_off_gives_what_it_has(here, detector, caplog):
    data = (here / 'clip.mkv').read_bytes()
    Path('cut.mkv').write_bytes(data[:len(data) // 2])
    assert command(here, 'cut.mkv', *detector, '--draw', 'out.mp4') == 0
    records = lines('keypoints.jsonl')
    assert 5 < len(records) < NUM_FRAMES and 'is damaged or cut off' in caplog.text
    assert len(list(VideoReader('out.mp4'))) == len(records)


@pytest.mark.parametrize('options, message', [
    (('--detect-every', '0'), '--detect-every 0: expected 1 or more'),
    (('--smooth', 'savgol', '--track', 'none'), '--smooth needs --track'),
    (('--heatmaps', 'maps'), '--heatmaps draws heatmaps over images'),
    (('--draw', 'clip.mkv'), 'clip.mkv is an input'),
    (('--output', 'out.txt'), 'out.txt: expected a file ending with'),
    (('--output', 'there.jsonl'), 'there.jsonl is there already'),
    (('--draw', 'there.mp4'), 'there.mp4 is there already'),
])
def test_bad_options(here, detector, tmp_path, options, message):
    (tmp_path / 'clip.mkv').symlink_to(here / 'clip.mkv')
    for name in ('there.jsonl', 'there.mp4'):
        Path(name).touch()
    assert message in command(here, 'clip.mkv', *detector, *options)
    assert sorted(os.listdir('.')) == ['clip.mkv', 'there.jsonl', 'there.mp4']


@pytest.mark.parametrize('inputs, options, message', [
    (('clip.mkv', 'images'), (), 'images is not a video and others are'),
    (('0', 'clip.mkv'), (), '0 is not a video and others are'),
    (('images', ), ('--detect-every', '2'), '--detect-every has no effect on images'),
    (('images', ), ('--track', 'ocsort'), '--track has no effect on images'),
    (('images', ), ('--smooth', 'savgol'), '--smooth has no effect on images'),
    (('clip.mkv', 'other.mkv'), ('--draw', 'one.mp4'), 'one.mp4: expected a folder for 2 videos'),
])
def test_inputs_and_options_that_do_not_go_together(here, detector, inputs, options, message):
    assert message in command(here, *(here / each if each != '0' else each for each in inputs),
                              *detector, *options)


def test_a_missing_package_is_named(here, detector, monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    error = command(here, *detector, '--output', 'out.jsonl')
    assert "reading a video needs the package av" in error and "rsn_mm[video]" in error
