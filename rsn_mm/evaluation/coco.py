"""AP on COCO, and the result file for its evaluation server."""

from collections.abc import Mapping, Sequence

import mmpose.evaluation.metrics as mmpose_metrics
from mmengine.logging import print_log

from rsn_mm.errors import DataError, OptionError
from rsn_mm.files import check_new_file, write_json
from rsn_mm.registry import METRICS

#: Number of decimals of a position in the result file; COCO recommends one.
DECIMALS = 3


@METRICS.register_module()
class CocoMetric(mmpose_metrics.CocoMetric):
    """MMPose's ``CocoMetric``, which can also write the file for COCO's evaluation server.

    The file is a list with one ``{image_id, category_id, keypoints, score}`` per person. Its
    keypoints are x and y in image pixels and a 1 for each joint, and its score is the score of the
    pose that the evaluation uses. MMPose's own file also has boxes. COCO's tools then take the size
    of a person from the box and not from the extent of the joints, so that AP for medium and large
    persons differs a little between the two files.

    Args:
        result_file: JSON file to write. It must not exist.
        format_only: Write the file and measure nothing, for images without annotations.
        kwargs: Arguments of MMPose's ``CocoMetric``.

    Raises:
        OptionError: If ``format_only`` is set without ``result_file``.
        OutputError: If ``result_file`` exists or cannot be written.

    Example:
        >>> from rsn_mm.evaluation.coco import as_result
        >>> as_result(dict(img_id=7, category_id=1, score=0.9,
        ...                keypoints=np.array([[12.34567, 20., 0.8]])))
        {'image_id': 7, 'category_id': 1, 'keypoints': [12.346, 20.0, 1], 'score': 0.9}
        >>> rsn_mm.evaluation.CocoMetric(format_only=True)
        Traceback (most recent call last):
        rsn_mm.errors.OptionError: CocoMetric: format_only=True needs a result_file to write to
    """

    def __init__(self, *args, result_file: str | None = None, format_only: bool = False,
                 **kwargs) -> None:
        if result_file is not None:
            check_new_file(result_file, 'result_file', '.json')
        elif format_only:
            raise OptionError('CocoMetric: format_only=True needs a result_file to write to')
        if format_only:  # MMPose requires a prefix, but writes nothing under it
            kwargs['outfile_prefix'] = result_file
        super().__init__(*args, format_only=format_only, **kwargs)
        self.result_file = result_file

    def results2json(self, keypoints: Mapping[int, Sequence[dict]], outfile_prefix: str) -> None:
        """Write the result file, and MMPose's own file if AP is to be measured.

        Args:
            keypoints: The persons of each image, with ``img_id``, ``category_id``, ``score`` and
                ``keypoints`` (K, 3) x, y, score.
            outfile_prefix: Prefix of the path of MMPose's file.
        """
        if self.result_file is not None:
            persons = [as_result(person) for persons in keypoints.values() for person in persons]
            write_json(self.result_file, persons, 'result_file')
            print_log(f'Wrote {len(persons)} persons of {len(keypoints)} images to '
                      f'{self.result_file}', 'current')
        if not self.format_only:
            super().results2json(keypoints, outfile_prefix)


def as_result(person: Mapping) -> dict:
    """A person in the format of COCO's evaluation server."""
    joints = [(round(x, DECIMALS), round(y, DECIMALS), 1)
              for x, y in person['keypoints'][:, :2].tolist()]
    return dict(image_id=int(person['img_id']), category_id=int(person['category_id']),
                keypoints=[value for joint in joints for value in joint],
                score=float(person['score']))


def check_ground_truth(metric: object) -> None:
    """Refuse an annotation file that COCO's evaluation would fail on.

    Args:
        metric: Any metric; MMPose's ``CocoMetric`` and its descendants are looked at.

    Raises:
        DataError: If the file has no categories, or annotations without area.
    """
    if not isinstance(metric, mmpose_metrics.CocoMetric) or metric.format_only:
        return
    content = getattr(metric.coco, 'dataset', None)
    if content is None or 'annotations' not in content:
        return
    name = f'the annotation file of {type(metric).__name__}'
    hint = 'tools/dataset.py writes a file that has everything'
    if not content.get('categories'):
        raise DataError(f"{name} has no 'categories', which the evaluation needs; {hint}")
    missing = [a.get('id') for a in content['annotations'] if 'area' not in a]
    if missing and metric.use_area:
        raise DataError(f"{name}: annotation {missing[0]} has no 'area', which the evaluation "
                        f'needs ({len(missing)} have none); use_area=False does without; {hint}')
