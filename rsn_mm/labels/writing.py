"""Writes labels as a data set that can be trained on: COCO's files, joints and a config."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rsn_mm.files import check_new_file, written_whole

from .content import LabeledImage
from .splitting import Splits

#: Decimals of a position.
DECIMALS = 3
CATEGORY_ID = 1


def coco_content(images: Sequence[LabeledImage], root: Path, name: str, joints: Sequence[str],
                 links: Sequence[tuple[str, str]]) -> dict:
    """The labels of images in COCO's format, with everything that its evaluation asks for.

    Ids count from 1, because COCO's evaluation takes an instance with id 0 for a missing one.

    Args:
        images: The images; their instances have boxes and areas.
        root: The folder that file names begin in.
        name: Name of the category.
        joints: Names of the joints.
        links: Pairs of names.
    """
    content: dict[str, list] = dict(images=[], annotations=[], categories=[dict(
        id=CATEGORY_ID, name=name, keypoints=list(joints),
        skeleton=[[joints.index(a) + 1, joints.index(b) + 1] for a, b in links])])
    for i, image in enumerate(images, 1):
        width, height = image.size_wh
        file_name = image.path.resolve().relative_to(root).as_posix()
        content['images'].append(dict(id=i, file_name=file_name, width=width, height=height))
        for instance in image.instances:
            assert instance.box_xywh is not None and instance.area is not None
            content['annotations'].append(dict(
                id=len(content['annotations']) + 1, image_id=i, category_id=CATEGORY_ID,
                keypoints=[value for x, y, flag in instance.keypoints.tolist()
                           for value in (round(x, DECIMALS), round(y, DECIMALS), int(flag))],
                num_keypoints=int(instance.labeled.sum()),
                bbox=[round(value, DECIMALS) for value in instance.box_xywh],
                area=round(float(instance.area), DECIMALS), iscrowd=0))
    return content


def common_root(splits: Splits) -> Path:
    """The folder that holds all images."""
    folders = [image.path.parent.resolve() for images in splits.values() for image in images]
    return Path(os.path.commonpath(folders))


def relative(root: Path, folder: Path) -> str:
    """A folder as the images of a data set in another folder name it, with a slash at its end."""
    return Path(os.path.relpath(root, folder.resolve())).as_posix() + '/'


def write_files(folder: Path, texts: Mapping[str, str], overwrite: bool = False) -> None:
    """Write files of a folder, all of them or none that would replace another.

    Args:
        folder: Made if it does not exist.
        texts: Contents by name.
        overwrite: Replace files that exist.

    Raises:
        ExistingFileError: If a file exists and ``overwrite`` is false.
        OutputError: If a file cannot be written.
    """
    for name in texts:
        check_new_file(folder / name, 'file', overwrite=overwrite)
    for name, text in texts.items():
        with written_whole(folder / name) as file:
            file.write(text.encode())


def as_json(content: dict) -> str:
    """JSON of one line."""
    return json.dumps(content, separators=(',', ':'), allow_nan=False)
