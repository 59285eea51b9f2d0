"""AP on COCO, and the result file of its evaluation server."""

from collections.abc import Mapping, Sequence

import mmpose.evaluation.metrics as mmpose_metrics
from mmengine.logging import print_log

from rsn_mm.datasets.checks import DataError
from rsn_mm.files import check_new_file, write_json
from rsn_mm.registry import METRICS

#: Decimals of a pixel that are written; COCO recommends one.
DECIMALS = 3


@METRICS.register_module()
class CocoMetric(mmpose_metrics.CocoMetric):
    """MMPose's ``CocoMetric``, which can also write the file that COCO's server takes.

    The file is a list with one ``{image_id, category_id, keypoints, score}`` per person, where
    keypoints are x, y in image pixels and 1 for each joint, and the score is the pose's, as it is
    in the evaluation. MMPose's own file has boxes too, by which COCO's tools then tell the size of
    a person, instead of by the extent of its joints. So AP for medium and large persons, where
    unmatched ones of another size do not count, differs a little between the two.

    Args:
        result_file: JSON file to write, which must not be there.
        format_only: Write it, and measure nothing: for images without annotations.
        kwargs: Of MMPose's ``CocoMetric``.

    Raises:
        DataError: If there is nothing to write to with ``format_only``, or ``result_file`` is
            there already.
    """

    def __init__(self, *args, result_file: str | None = None, format_only: bool = False,
                 **kwargs) -> None:
        if result_file is not None:
            check_new_file(result_file, 'result_file', '.json')
        elif format_only:
            raise DataError('CocoMetric: format_only=True measures nothing and without a '
                            'result_file writes nothing; set result_file')
        if format_only:  # MMPose wants a name, under which nothing is written
            kwargs['outfile_prefix'] = result_file
        super().__init__(*args, format_only=format_only, **kwargs)
        self.result_file = result_file

    def results2json(self, keypoints: Mapping[int, Sequence[dict]], outfile_prefix: str) -> None:
        """Write the result file, and MMPose's where it is measured from.

        Args:
            keypoints: By image, persons with ``img_id``, ``category_id``, ``score`` and
                ``keypoints`` (K, 3) x, y, score.
            outfile_prefix: Of MMPose's file.
        """
        if self.result_file is not None:
            persons = [as_result(person) for persons in keypoints.values() for person in persons]
            write_json(self.result_file, persons, 'result_file')
            print_log(f'{len(persons)} persons of {len(keypoints)} images are written to '
                      f'{self.result_file}', 'current')
        if not self.format_only:
            super().results2json(keypoints, outfile_prefix)


def as_result(person: Mapping) -> dict:
    """A person in the format of COCO's server."""
    joints = [(round(x, DECIMALS), round(y, DECIMALS), 1)
              for x, y in person['keypoints'][:, :2].tolist()]
    return dict(image_id=int(person['img_id']), category_id=int(person['category_id']),
                keypoints=[value for joint in joints for value in joint],
                score=float(person['score']))
