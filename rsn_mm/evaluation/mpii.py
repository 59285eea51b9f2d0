"""PCKh on MPII, and the result file for its test set."""

from collections.abc import Sequence

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmpose.evaluation.metrics import MpiiPCKAccuracy

from rsn_mm.datasets.checks import leaf_datasets, source_of
from rsn_mm.datasets.mpii_files import NUM_JOINTS
from rsn_mm.errors import DataError, OptionError
from rsn_mm.files import check_new_file, write_matlab
from rsn_mm.registry import METRICS

#: Indices of the joints of each group. The upper neck (8) counts in the mean only.
GROUPS = dict(Head=(9, ), Shoulder=(13, 12), Elbow=(14, 11), Wrist=(15, 10), Hip=(3, 2),
              Knee=(4, 1), Ankle=(5, 0))
#: Pelvis and thorax, which do not count.
NOT_COUNTED = (6, 7)
MEAN, MEAN_STRICT = 'PCK', 'PCK@0.1'
#: MPII counts pixels from 1.
ORIGIN = 1


@METRICS.register_module()
class MpiiPCKh(MpiiPCKAccuracy):
    """MMPose's ``MpiiPCKAccuracy`` with a table of its figures and a file of the predictions.

    The metrics have MMPose's names and values: ``Head PCK`` to ``Ankle PCK`` and the mean ``PCK``
    at half the head size, and ``PCK@0.1``. A group without any labeled joint is left out. If only
    one side of a group is labeled, that side counts alone, where MMPose averages in -100.

    Args:
        result_file: MATLAB file for the predictions. It must not exist. It will have ``preds``
            (N, 16, 2), the persons in the order of the annotation file, x, y in image pixels that
            count from 1, as MPII does.
        format_only: Write the file and measure nothing, for the test set, which has no joints.
        collect_device: ``'cpu'`` or ``'gpu'``, where the results of several processes are
            collected.
        prefix: Prefix of the names of the metrics.

    Raises:
        OptionError: If ``format_only`` is set without ``result_file``.
        OutputError: If ``result_file`` exists or cannot be written.
        DataError: If the data have no head boxes, or persons are missing from the result file.

    Example:
        >>> metric = rsn_mm.evaluation.MpiiPCKh(
        ...     result_file='predictions.mat', format_only=True, prefix='mpii')
        >>> metric.process([], [dict(id=0, pred_instances=dict(keypoints=np.zeros((1, 16, 2))))])
        >>> metric.results[0]['pred_coords'].shape
        (1, 16, 2)
        >>> rsn_mm.evaluation.MpiiPCKh(format_only=True, prefix='mpii')
        Traceback (most recent call last):
        rsn_mm.errors.OptionError: MpiiPCKh: format_only=True needs a result_file to write to
    """

    def __init__(self, result_file: str | None = None, format_only: bool = False,
                 collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and result_file is None:
            raise OptionError('MpiiPCKh: format_only=True needs a result_file to write to')
        if result_file is not None:
            check_new_file(result_file, 'result_file', '.mat')
        self.result_file = result_file
        self.format_only = format_only

    #: All that may be measured.
    names = (*(f'{group} PCK' for group in GROUPS), MEAN, MEAN_STRICT)

    def check_dataset(self, dataset: BaseDataset) -> None:
        """Refuse data that this metric cannot measure, before anything is computed.

        Raises:
            DataError: If the joints are not MPII's, head boxes are missing, or persons would be
                missing from the result file.
        """
        for leaf in leaf_datasets(dataset):
            joints = leaf.metainfo.get('num_keypoints')
            if joints != NUM_JOINTS:
                raise DataError(f'{source_of(leaf)}: {joints} joints, but MpiiPCKh is for the '
                                f'{NUM_JOINTS} of MPII')
            if not self.format_only and not getattr(leaf, 'headbox_file', None):
                raise DataError(
                    f'{source_of(leaf)}: PCKh needs head boxes, but headbox_file of the '
                    'dataset is not set (mpii_gt_val.mat for mpii_val.json); for predictions '
                    'alone set format_only=True and result_file of the evaluator')
            total = getattr(leaf, 'num_annotations', len(leaf))
            if self.result_file is not None and total != len(leaf):
                raise DataError(f'{source_of(leaf)}: result_file is to hold all {total} persons, '
                                f'but the dataset has {len(leaf)} of them (indices)')

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Collect the predictions of a batch and what they are measured with."""
        for sample in data_samples:
            keypoints = sample['pred_instances']['keypoints']
            name = f'{sample.get("img_path")}, annotation id {sample.get("id")}'
            if keypoints.shape != (1, NUM_JOINTS, 2):
                raise DataError(f'{name}: predicted keypoints {keypoints.shape}, expected '
                                f'{(1, NUM_JOINTS, 2)}')
            if self.format_only:
                self.results.append(dict(pred_coords=keypoints))
            else:
                _check_head_size(name, sample)
                super().process(data_batch, [sample])
            if self.result_file is not None:
                self.results[-1]['id'] = sample['id']

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Write the file, if any, and measure unless ``format_only``."""
        if self.result_file is not None:
            self._write(self.result_file, results)
        if self.format_only:
            return {}
        labeled = np.asarray(np.concatenate([r['mask'] for r in results]).any(axis=0))
        if not np.delete(labeled, NOT_COUNTED).any():
            raise DataError(f'MpiiPCKh: none of the {len(results)} persons has a labeled joint; '
                            'for predictions alone set format_only=True and result_file')
        metrics = super().compute_metrics(results)
        for group, joints in GROUPS.items():
            sides = labeled[list(joints)]
            if not sides.any():
                del metrics[f'{group} PCK']
            elif not sides.all():
                # MMPose's value is the mean of this side's and of -100 for the other.
                metrics[f'{group} PCK'] = 2 * metrics[f'{group} PCK'] + 100
        metrics = {name: float(value) for name, value in metrics.items()}
        print_log('\n' + table(metrics), 'current')
        return metrics

    def _write(self, path: str, results: list[dict]) -> None:
        """Write the result file.

        Raises:
            DataError: If persons are missing or occur twice.
            OutputError: If the file exists.
        """
        keypoints = {result['id']: result['pred_coords'][0] for result in results}
        missing = sorted(set(range(len(results))) - keypoints.keys())
        if missing:
            raise DataError(f'result_file {path}: {len(results)} predictions, but none '
                            f'for person {missing[0]} of the annotation file; use the dataset '
                            'rsn_mm.MpiiDataset with test_mode=True')
        predictions = np.stack([keypoints[i] for i in range(len(results))]) + ORIGIN
        write_matlab(path, dict(preds=predictions.astype(np.float64)), 'result_file')
        print_log(f'Wrote predictions of {len(results)} persons to {path}', 'current')


def _check_head_size(name: str, sample: dict) -> None:
    head_size = sample['gt_instances'].get('head_size')
    if head_size is None or not (np.isfinite(head_size).all() and (head_size > 0).all()):
        raise DataError(f'{name}: head size {head_size}, expected a number above 0; it comes from '
                        'headbox_file of the dataset')


def table(metrics: dict[str, float]) -> str:
    """A table of PCKh in percent, as in the papers."""
    columns = {group: metrics.get(f'{group} PCK') for group in GROUPS}
    columns |= {'Mean': metrics[MEAN], 'Mean@0.1': metrics[MEAN_STRICT]}
    values = ['-' if value is None else f'{value:.2f}' for value in columns.values()]
    widths = [max(len(name), 6) for name in columns]
    rows = (['PCKh@0.5', *columns], ['', *values])
    return '\n'.join(
        f'| {row[0]:<8} | ' + ' | '.join(
            f'{cell:>{width}}' for cell, width in zip(row[1:], widths)) + ' |' for row in rows)
