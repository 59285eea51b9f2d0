"""Images in tar archives are read as they are, and what is cut off or missing is an error."""

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from rsn_mm.errors import DataError, MissingFileError, MissingPackageError
from rsn_mm.sharding import archives
from rsn_mm.sharding.archives import Archives, check_whole, samples_of


def write_tar(path, files):
    with tarfile.open(path, 'w') as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def img2dataset_files(images):
    """What img2dataset writes for a sample: the image, its caption and its metadata."""
    return {name: data for key, image in images.items() for name, data in (
        (f'{key}.jpg', image), (f'{key}.txt', b'a caption'),
        (f'{key}.json', json.dumps(dict(key=key, status='success')).encode()))}


def test_members_are_read_by_many_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, 'NUM_OPEN', 2)
    paths = [write_tar(tmp_path / f'{n}.tar', {f'in/{i}.jpg': f'{n}-{i}'.encode() * 300
                                               for i in range(9)}) for n in range(4)]
    reader = Archives()
    wanted = [(n, i) for i in range(9) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda at: reader.read(str(paths[at[0]]), f'in/{at[1]}.jpg'), wanted)
        assert list(found) == [f'{n}-{i}'.encode() * 300 for n, i in wanted]


@pytest.mark.parametrize('name, member, error, message', [
    ('no.tar', 'a', MissingFileError, 'no.tar does not exist'),
    ('', 'a', DataError, 'cannot be read: Is a directory'),
    ('good.tar', 'b.jpg', DataError, 'good.tar has no file b.jpg'),
    ('text.tar', 'a', DataError, 'text.tar: expected a tar archive that is whole and not'),
    ('small.tar', 'a', DataError, 'small.tar: expected a tar archive that is whole and not'),
])
def test_bad_archives(tmp_path, name, member, error, message):
    write_tar(tmp_path / 'good.tar', {'a.jpg': b'1'})
    (tmp_path / 'text.tar').write_text('no archive' * 1000)
    with tarfile.open(tmp_path / 'small.tar', 'w:gz') as tar:
        tar.add(tmp_path / 'text.tar', 'a')
    with pytest.raises(error, match=message):
        Archives().read(str(tmp_path / name), member)


def test_samples_of_img2dataset(tmp_path):
    images = {f'00000{i:04d}': f'image {i}'.encode() for i in range(5)}
    path = write_tar(tmp_path / '00000.tar', img2dataset_files(images))
    check_whole(str(path))
    assert list(samples_of(str(path))) == [
        (key, f'{key}.jpg', data) for key, data in images.items()]


def test_samples_in_folders_with_other_endings_or_without_an_image(tmp_path):
    path = write_tar(tmp_path / 'a.tar', {'in/a.PNG': b'1', 'in/a.txt': b'', 'b.json': b'{}',
                                          'c.webp': b'3'})
    assert list(samples_of(str(path))) == [('in/a', 'in/a.png', b'1'), ('b', 'b', b''),
                                           ('c', 'c.webp', b'3')]


@pytest.mark.parametrize('size', [0, 500, 512, 1024, 1536, 2048])
def test_an_archive_that_was_cut_off_is_noticed(tmp_path, size):
    path = write_tar(tmp_path / 'a.tar', {'a.jpg': b'1' * 600, 'b.jpg': b'2'})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match='a.tar: the end of a tar archive is missing'):
        check_whole(str(path))


def test_a_sample_with_two_files_of_a_name_is_an_error(tmp_path):
    with tarfile.open(tmp_path / 'a.tar', 'w') as tar:
        for data in (b'1', b'2'):
            info = tarfile.TarInfo('a.jpg')
            info.size = 1
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(DataError, match='a.tar cannot be read: .*duplicate'):
        list(samples_of(str(tmp_path / 'a.tar')))


def test_without_webdataset_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'webdataset.tariterators', None)
    with pytest.raises(MissingPackageError, match=r"pip install 'rsn_mm\[webdataset\]'"):
        next(samples_of('a.tar'))
