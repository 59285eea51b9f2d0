"""Inputs are found in a fixed order, and every kind of image comes out right or as one message."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rsn_mm.errors import DataError, MissingFileError, RsnMmError
from rsn_mm.prediction.sources import Input, find_inputs, read_frame

PICTURE = cv2.resize(np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8), (80, 60))
RGB = Image.fromarray(np.ascontiguousarray(PICTURE[..., ::-1]))
GRAY = np.repeat(np.asarray(RGB.convert('L'))[..., None], 3, axis=2)


# -------------------------------------------------------------------------------- finding inputs


def names(*arguments, lines=(), **options):
    return [(each.name, each.short) for each in find_inputs(arguments, lines, **options)]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('a/2.jpg', 'a/1.PNG', 'a/b/3.jpeg', 'a/notes.txt', 'a/out/4.jpg', 'c/5.jpg',
                 'c/[6].jpg'):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


@pytest.mark.parametrize('arguments, expected', [
    (['a'], [('a/1.PNG', '1.PNG'), ('a/2.jpg', '2.jpg'), ('a/b/3.jpeg', 'b/3.jpeg')]),
    (['c/', 'a/b'], [('c/5.jpg', '5.jpg'), ('c/[6].jpg', '[6].jpg'), ('a/b/3.jpeg', '3.jpeg')]),
    (['a/*.jpg'], [('a/2.jpg', '2.jpg')]),
    (['**/*.jp*g'], [('a/2.jpg', '2.jpg'), ('a/b/3.jpeg', '3.jpeg'), ('c/5.jpg', '5.jpg'),
                     ('c/[6].jpg', '[6].jpg')]),
    (['c/[6].jpg'], [('c/[6].jpg', '[6].jpg')]),  # a file, although it looks like a pattern
    (['no.jpg', 'a/notes.txt'], [('no.jpg', 'no.jpg'), ('a/notes.txt', 'notes.txt')]),
    (['-', 'a/2.jpg'], [('x y.jpg', 'x y.jpg'), ('d/é.png', 'é.png'), ('a/2.jpg', '2.jpg')]),
])
def test_inputs_come_in_order(files, arguments, expected):
    lines = ['x y.jpg\n', '\n', 'd/é.png\r\n']
    assert names(*arguments, lines=lines, leave_out=[Path('a/out').resolve()]) == expected


@pytest.mark.parametrize('argument, error, message', [
    ('empty', DataError, 'empty: the folder has no images'),
    ('*.bmp', MissingFileError, r'\*\.bmp: no file matches the pattern'),
    ('a/out/*.jpg', MissingFileError, 'no file matches'),  # all of them are left out
])
def test_nothing_found_is_an_error(files, argument, error, message):
    os.mkdir('empty')
    with pytest.raises(error, match=message):
        names(argument, leave_out=[Path('a/out').resolve()])


def test_a_list_is_read_as_it_comes():
    def lines():
        yield 'one.jpg\n'
        raise AssertionError('the next line was not asked for')

    assert next(find_inputs(['-'], lines())) == Input('one.jpg', 'one.jpg')


# ---------------------------------------------------------------------------------- kinds of images


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def encoded(array, ending='.png'):
    return cv2.imencode(ending, array)[1].tobytes()


def exif(orientation):
    entries = Image.Exif()
    entries[0x0112] = orientation
    return entries


def transparent():
    image = RGB.convert('RGBA')
    image.putalpha(Image.fromarray(np.tile(np.uint8([0, 255]), (60, 40))))
    return image


JPEG = saved(RGB, 'JPEG', quality=95)
SIXTEEN = PICTURE.astype(np.uint16) * 257
OTHER = Image.fromarray(255 - np.asarray(RGB))
WIDE = np.zeros((3, 20_000, 3), np.uint8)
WIDE[:, 15_000:] = (10, 20, 30)

GOOD = {
    'png': (saved(RGB, 'PNG'), PICTURE, 0),
    'jpeg': (saved(RGB, 'JPEG', quality=100, subsampling=0), PICTURE, 4),
    'bmp': (saved(RGB, 'BMP'), PICTURE, 0),
    'tiff': (saved(RGB, 'TIFF'), PICTURE, 0),
    'webp': (saved(RGB, 'WEBP', lossless=True), PICTURE, 0),
    'alpha: the color stays': (saved(transparent(), 'PNG'), PICTURE, 0),
    'gray': (saved(RGB.convert('L'), 'PNG'), GRAY, 0),
    'gray with alpha': (saved(RGB.convert('LA'), 'PNG'), GRAY, 0),
    'palette': (saved(RGB.quantize(256), 'PNG'), PICTURE, 60),
    'one bit': (saved(RGB.convert('1', dither=Image.Dither.NONE), 'PNG'),
                np.where(np.asarray(RGB.convert('1', dither=Image.Dither.NONE))[..., None], 255, 0)
                .repeat(3, axis=2), 0),
    '16 bits': (encoded(SIXTEEN), PICTURE, 0),
    '16 bits tiff': (encoded(SIXTEEN, '.tiff'), PICTURE, 0),
    '16 bits gray': (encoded(GRAY[..., 0].astype(np.uint16) * 257), GRAY, 0),
    'CMYK jpeg': (saved(RGB.convert('CMYK'), 'JPEG', quality=100, subsampling=0), PICTURE, 6),
    'CMYK tiff': (saved(RGB.convert('CMYK'), 'TIFF'), PICTURE, 1),
    'EXIF 6, turned right': (saved(RGB, 'JPEG', quality=100, subsampling=0, exif=exif(6)),
                             np.rot90(PICTURE, -1), 4),
    'EXIF 3, upside down': (saved(RGB, 'JPEG', quality=100, subsampling=0, exif=exif(3)),
                            np.rot90(PICTURE, 2), 4),
    'EXIF 2, mirrored': (saved(RGB, 'JPEG', quality=100, subsampling=0, exif=exif(2)),
                         PICTURE[:, ::-1], 4),
    'animated png': (saved(RGB, 'PNG', save_all=True, append_images=[OTHER]), PICTURE, 0),
    'animated webp': (saved(RGB, 'WEBP', save_all=True, append_images=[OTHER], lossless=True),
                      PICTURE, 0),
    'tiff of two pages': (saved(RGB, 'TIFF', save_all=True, append_images=[OTHER]), PICTURE, 0),
    '1 x 1': (encoded(PICTURE[:1, :1]), PICTURE[:1, :1], 0),
    '20,000 wide': (encoded(WIDE), WIDE, 0),
    'bytes behind the end': (saved(RGB, 'PNG') + b'\0' * 40, PICTURE, 0),
}
BAD = {
    'empty': (b'', 'the file is empty'),
    'text': (b'not an image', '12 bytes that are not an image'),
    'html': (b'<!DOCTYPE html><title>404</title>', 'that are not an image'),
    'zeros': (bytes(1000), 'that are not an image'),
    'a truncated jpeg': (JPEG[:-200], 'truncated image of'),
    'the first bytes of a jpeg': (JPEG[:4], 'that are not an image'),
    'a truncated png': (saved(RGB, 'PNG')[:-100], 'truncated image of'),
    'the signature of a png': (b'\x89PNG\r\n\x1a\n', 'truncated image of'),
    'a png whose header is damaged': (
        saved(RGB, 'PNG')[:16] + b'\xff' * 8 + saved(RGB, 'PNG')[24:], 'image|decoded'),
    'half a bmp header': (saved(RGB, 'BMP')[:20], 'that are not an image'),
    'a tiff of floats': (saved(Image.fromarray(np.zeros((4, 4), np.float32)), 'TIFF'),
                         'that are not an image'),
    'a video': (b'\0\0\0\x18ftypisom' + bytes(200), 'that are not an image'),
}


@pytest.mark.parametrize('kind', GOOD)
def test_images_come_out_right(kind, tmp_path, caplog):
    data, expected, tolerance = GOOD[kind]
    (tmp_path / 'image').write_bytes(data)
    frame = read_frame(Input(str(tmp_path / 'image'), 'image'))
    assert frame.image.shape == expected.shape and frame.image.dtype == np.uint8
    assert np.abs(frame.image.astype(int) - expected).max() <= tolerance
    assert (frame.name, frame.index) == (str(tmp_path / 'image'), None)
    several = 'animated' in kind or 'two pages' in kind
    assert ('holds 2 pictures; only the first is used' in caplog.text) == several


@pytest.mark.parametrize('kind', BAD)
def test_what_is_no_image_is_one_message_with_its_name(kind, tmp_path):
    data, message = BAD[kind]
    (tmp_path / 'bad.jpg').write_bytes(data)
    with pytest.raises(DataError, match=f'bad.jpg: .*({message})'):
        read_frame(Input(str(tmp_path / 'bad.jpg'), 'bad.jpg'))


@pytest.mark.parametrize('name, message', [
    ('no.jpg', 'no.jpg does not exist'),
    ('', 'cannot be read'),
    ('.', 'cannot be read: Is a directory'),
    ('nul\0.jpg', 'cannot be read: embedded null'),
    ('long' * 100 + '.jpg', 'cannot be read: File name too long'),
])
def test_files_that_cannot_be_read(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RsnMmError, match=message):
        read_frame(Input(name, name))
