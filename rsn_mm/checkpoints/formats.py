"""What a file is by its first bytes: a checkpoint, or something else that may be taken for one."""

import zipfile
from pathlib import Path

#: Bytes from the beginning of a file that are enough to recognize its format.
NUM_BYTES = 512
#: The longest header that safetensors reads, in bytes.
LONGEST_HEADER = 100_000_000
SAFETENSORS, TORCH = 'safetensors', 'torch'

#: Formats that are no checkpoints here: the position of the bytes that mark them, these bytes, and
#: words for the format.
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b'\x89HDF\r\n\x1a\n', 'a file of HDF5, as Keras and TensorFlow write it'),
    (0, b'\x93NUMPY', 'a single array of NumPy'),
    (0, b'GGUF', 'a file of GGUF, the format of llama.cpp'),
    (4, b'TFL3', 'a model of TensorFlow Lite'),
    (0, b'\x1f\x8b', 'an archive of gzip, which must be unpacked first'),
    (0, b'BZh', 'an archive of bzip2, which must be unpacked first'),
    (0, b'\xfd7zXZ\x00', 'an archive of xz, which must be unpacked first'),
    (0, b'\x28\xb5\x2f\xfd', 'an archive of zstd, which must be unpacked first'),
    (0, b'7z\xbc\xaf\x27\x1c', 'an archive of 7-Zip, which must be unpacked first'),
    (0, b'Rar!', 'an archive of RAR, which must be unpacked first'),
    (257, b'ustar', 'an archive of tar'),
    (0, b'version https://git-lfs', 'the pointer of Git LFS to a file: "git lfs pull" gets that '
                                    'file'),
    (0, b'\xff\xd8\xff', 'a picture'),
    (0, b'\x89PNG', 'a picture'),
    (0, b'%PDF', 'a document of PDF'),
    (0, b'\x7fELF', 'a program'),
)
#: Entries of a ZIP archive that tell what it holds, by the ending of their names.
MEMBERS = (('constants.pkl', 'a model of TorchScript, which is a program'),
           ('.npy', 'arrays of NumPy (.npz)'),
           ('.weights.h5', 'a model of Keras'))
WEB_PAGE = 'a web page, as a server sends in place of a file that needs a login or is gone'


def format_of(path: Path) -> str:
    """:data:`SAFETENSORS`, :data:`TORCH` for what torch has to try, or words for another format.

    Args:
        path: A file.

    Raises:
        OSError: If the file cannot be read.
    """
    with open(path, 'rb') as file:
        start = file.read(NUM_BYTES)
    if not start:
        return 'an empty file'
    for position, mark, words in SIGNATURES:
        if start.startswith(mark, position):
            return words
    # Eight bytes are the length of the header, which is an object of JSON.
    if start[8:9] == b'{' and int.from_bytes(start[:8], 'little') <= LONGEST_HEADER:
        return SAFETENSORS
    # ONNX begins with its version, as protocol buffers write it, and the name of the exporter.
    if start[:1] == b'\x08' and (path.suffix == '.onnx' or b'pytorch' in start[:64]):
        return 'a model of ONNX'
    if start[:4] == b'PK\x03\x04':
        return _format_of_zip(path)
    return _format_of_text(start) or TORCH


def _format_of_zip(path: Path) -> str:
    try:
        names = zipfile.ZipFile(path).namelist()
    except (zipfile.BadZipFile, ValueError):
        return TORCH  # torch says what is damaged
    for ending, words in MEMBERS:
        if any(name.endswith(ending) for name in names):
            return words
    return TORCH if any(name.endswith('data.pkl') for name in names) else 'an archive of ZIP'


def _format_of_text(start: bytes) -> str | None:
    text = start.lstrip().lower()
    if text.startswith((b'<!doctype html', b'<html', b'<head')):
        return WEB_PAGE
    if not start.isascii() or not all(byte >= 32 or byte in b'\t\n\r\f' for byte in start):
        return None
    # Pickles of protocol 0 are text, too, and are refused by torch with what they would call.
    return 'a file of JSON' if text.startswith((b'{"', b'{\n', b'[{', b'[\n')) else None
