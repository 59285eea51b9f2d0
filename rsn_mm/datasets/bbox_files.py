"""Detection files are JSON, because MMPose would run what a pickle or a YAML file tells it to."""

from collections.abc import Mapping
from typing import Any

from rsn_mm.errors import DataError


def check_bbox_file(dataset_cfg: Mapping[str, Any]) -> None:
    """Refuse the ``bbox_file`` of a dataset, or of those inside a wrapper, that is not JSON.

    MMPose's datasets choose the reader by the ending of the name.

    Args:
        dataset_cfg: Config of the dataset.

    Raises:
        DataError: The message names the file.
    """
    path = dataset_cfg.get('bbox_file')
    if path and not str(path).endswith('.json'):
        raise DataError(f'detections {path}: expected a JSON file, with the ending .json '
                        '(bbox_file of a dataset)')
    for inner in [dataset_cfg.get('dataset'), *(dataset_cfg.get('datasets') or ())]:
        if isinstance(inner, Mapping):
            check_bbox_file(inner)
