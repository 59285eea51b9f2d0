"""Truncated and unreadable images are refused."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from rsn_mm.datasets.transforms import LoadImage
from rsn_mm.datasets.transforms.decoder_warnings import decoder_warnings


def write(path, extension: str, keep: float = 1., tail: bytes = b'') -> str:
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    data = cv2.imencode(extension, image)[1].tobytes()
    path.write_bytes(data[:int(len(data) * keep)] + tail)
    return str(path)


@pytest.mark.parametrize('extension', ['.jpg', '.png', '.bmp'])
def test_whole_images_load_as_in_mmpose(tmp_path, extension):
    path = write(tmp_path / f'a{extension}', extension)
    results = LoadImage().transform(dict(img_path=path))
    np.testing.assert_array_equal(results['img'], cv2.imread(path))
    assert results['img_shape'] == results['ori_shape'] == (40, 50)


def test_bytes_behind_the_end_of_a_jpeg_are_allowed(tmp_path):
    path = write(tmp_path / 'a.jpg', '.jpg', tail=b'\0' * 100)
    assert LoadImage().transform(dict(img_path=path))['img'].shape == (40, 50, 3)


def test_a_thumbnail_does_not_hide_a_cut(tmp_path):
    whole = (tmp_path / 'thumbnail.jpg')
    write(whole, '.jpg')
    thumbnail = whole.read_bytes()
    path = write(tmp_path / 'a.jpg', '.jpg', keep=0.8)
    data = (tmp_path / 'a.jpg').read_bytes()
    segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    (tmp_path / 'a.jpg').write_bytes(data[:2] + segment + data[2:])
    with pytest.raises(ValueError, match='truncated'):
        LoadImage().transform(dict(img_path=path))


@pytest.mark.parametrize('extension, keep', [('.jpg', 0.5), ('.jpg', 0.99), ('.png', 0.5)])
def test_truncated_images(tmp_path, extension, keep):
    path = write(tmp_path / f'cut{extension}', extension, keep)
    with pytest.raises(ValueError, match=f'cut{extension}: truncated image'):
        LoadImage().transform(dict(img_path=path))


def test_what_is_no_image(tmp_path):
    (tmp_path / 'a.jpg').write_text('hello')
    with pytest.raises(ValueError, match='a.jpg: 5 bytes that are not an image'):
        LoadImage().transform(dict(img_path=str(tmp_path / 'a.jpg')))
    with pytest.raises(FileNotFoundError, match='missing.jpg'):
        LoadImage().transform(dict(img_path=str(tmp_path / 'missing.jpg')))


def test_empty_files_cannot_be_ignored():
    with pytest.raises(ValueError, match='ignore_empty=True'):
        LoadImage(ignore_empty=True)


def test_an_image_that_is_there_already_is_kept():
    image = np.zeros((4, 5, 3), np.uint8)
    assert LoadImage().transform(dict(img=image))['img_shape'] == (4, 5)


def test_damage_that_the_decoder_only_warns_of_is_named(tmp_path, capfd):
    """The decoder's own line does not say which file it is about."""
    path = tmp_path / 'damaged.jpg'
    data = bytearray(Path(write(path, '.jpg')).read_bytes())
    data[len(data) // 2:len(data) // 2 + 40] = np.random.default_rng(1).bytes(40)
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=r'damaged\.jpg: the image is damaged.*Corrupt JPEG data'):
        assert LoadImage().transform(dict(img_path=str(path)))['img'].shape == (40, 50, 3)
    assert 'Corrupt' not in capfd.readouterr().err
    path = tmp_path / 'damaged.png'
    data = bytearray(Path(write(path, '.png')).read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r'damaged\.png: .* not an image \(libpng error: IDAT'):
        LoadImage().transform(dict(img_path=str(path)))


def test_what_others_write_meanwhile_is_not_lost(capfd):
    with decoder_warnings() as damage:
        os.write(2, b'first\nCorrupt JPEG data: bad\n50% done')
    assert damage == ['Corrupt JPEG data: bad']
    assert capfd.readouterr().err == 'first\n50% done'
