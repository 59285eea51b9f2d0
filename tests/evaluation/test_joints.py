"""Errors by joint, beside MMPose's own metrics."""

import numpy as np
import pytest
from mmpose.evaluation.metrics import EPE, PCKAccuracy

from rsn_mm.engine.screen_text import joint_table
from rsn_mm.evaluation import JointErrors

NAMES = {0: 'nose', 1: 'ear', 2: 'tail', 3: 'paw'}


def samples():
    """Random predictions; the last joint is nowhere labeled."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        labeled = rng.uniform(0, 100, (1, 4, 2))
        visible = np.append(rng.random(3) < 0.7, False)[None].astype(float)
        yield dict(pred_instances=dict(keypoints=labeled + rng.normal(0, (3, 6, 9, 2), (2, 4)).T),
                   gt_instances=dict(keypoints=labeled, keypoints_visible=visible,
                                     bboxes=np.array([[0., 0., 100., rng.uniform(30, 200)]])))


def test_metrics_are_mmposes_and_joints_are_a_plain_mean():
    data = list(samples())
    expected = {}
    for theirs in (EPE(), PCKAccuracy(thr=0.05)):
        theirs.process([], data)
        expected |= theirs.evaluate(len(data))
    metric = JointErrors(thr=0.05)
    metric.dataset_meta = dict(keypoint_id2name=NAMES)
    metric.process([], data)
    assert metric.evaluate(len(data)) == pytest.approx(expected)

    for k, joint in enumerate(metric.joints):
        errors, near = [], []
        for sample in data:
            truth, predicted = sample['gt_instances'], sample['pred_instances']
            if truth['keypoints_visible'][0, k]:
                error = np.linalg.norm(predicted['keypoints'][0, k] - truth['keypoints'][0, k])
                box = truth['bboxes'][0]
                errors.append(error)
                near.append(error < 0.05 * max(box[2] - box[0], box[3] - box[1]))
        assert (joint.name, joint.labeled) == (NAMES[k], len(errors))
        if errors:
            assert joint.epe == pytest.approx(np.mean(errors), rel=1e-5)
            assert joint.pck == pytest.approx(np.mean(near))
    assert np.isnan(metric.joints[3].epe)


def test_table_begins_with_the_worst_and_ends_with_the_unlabeled():
    metric = JointErrors()
    metric.dataset_meta = dict(keypoint_id2name=NAMES)
    metric.process([], list(samples()))
    metric.evaluate(20)
    title, *lines = joint_table(metric.joints, metric.thr).splitlines()
    rows = [[cell.strip() for cell in line.split('│')[1:-1]] for line in lines if '│' in line]
    assert rows[0] == ['joint', 'labeled', 'EPE in pixels', 'PCK@0.1']
    assert rows[-1] == ['paw', '0', '-', '-']
    errors = [float(row[2]) for row in rows[1:-1]]
    assert errors == sorted(errors, reverse=True) and len(errors) == 3
