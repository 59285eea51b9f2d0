"""Where our parts meet those of MMPose and mmdet: what works, and the message where it cannot."""

import json

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, MODELS
from mmpose.structures import PoseDataSample

from rsn_mm.codecs import RSNHeatmap
from rsn_mm.errors import OptionError
from rsn_mm.models import RSN, MultiStageRSNHead
from tests.tools.tiny_run import draw_persons

INPUT_SIZE = (48, 64)
TINY = dict(depth=18, num_blocks=(1, 1, 1, 1), unit='basic', unit_channels=16)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def image() -> torch.Tensor:
    return torch.rand(2, 3, *INPUT_SIZE[::-1])


# ------------------------------------------------------------------------- backbones and heads


@pytest.mark.parametrize('backbone', [
    dict(type='ResNet', depth=18),
    dict(type='ResNet', depth=18, out_indices=(0, 1, 2, 3)),
    dict(type='HRNet', extra=dict(
        stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ),
                    num_channels=(8, )),
        **{f'stage{n}': dict(num_modules=1, num_branches=n, block='BASIC', num_blocks=(1, ) * n,
                             num_channels=(8, 16, 32, 64)[:n]) for n in (2, 3, 4)})),
    dict(type='rsn_mm.RSN', depth=18, out_mode='pyramid'),
], ids=['ResNet', 'ResNet, all levels', 'HRNet', 'RSN, pyramid'])
def test_backbones_without_stages_under_our_head(backbone):
    features = MODELS.build(backbone)(torch.rand(2, 3, 64, 64))
    # As many units as images, and channels as rows: neither must be taken for the other.
    head = MultiStageRSNHead(num_stages=len(features), num_units=2, out_channels=17,
                             unit_channels=16, heatmap_size=(16, 16))
    for call in (head.forward, head.forward_last):
        with pytest.raises(OptionError, match='single feature maps.*out_mode=.stages. of rsn_mm'):
            call(features)


@pytest.mark.parametrize('consumer', [
    dict(type='HeatmapHead', in_channels=16, out_channels=17, deconv_out_channels=(8, ),
         deconv_kernel_sizes=(4, )),
    dict(type='HeatmapHead', in_channels=16, out_channels=17, deconv_out_channels=None),
    dict(type='RegressionHead', in_channels=16, num_joints=17),
    dict(type='RTMCCHead', in_channels=16, out_channels=17, input_size=INPUT_SIZE,
         in_featuremap_size=(12, 16), simcc_split_ratio=2., final_layer_kernel_size=7),
    dict(type='CPMHead', in_channels=16, out_channels=17, num_stages=1),
    dict(type='GlobalAveragePooling'),
    dict(type='mmdet.FPN', in_channels=[16], out_channels=8, num_outs=1),
], ids=lambda consumer: consumer['type'])
def test_our_stages_under_heads_and_necks_for_single_maps(consumer):
    features = RSN(**TINY)(image())
    module = MODELS.build(consumer)
    with pytest.raises(OptionError, match='set out_mode=.pyramid. of rsn_mm.RSN, or use the head'):
        module(features)


def test_stages_are_a_list_like_any_other():
    """Also to what looks for tensors in the output of a module, such as FSDP."""
    features = RSN(**TINY, num_stages=2)(image())
    assert isinstance(features, list) and isinstance(features[0], list)
    leaves, spec = torch.utils._pytree.tree_flatten(features)
    assert len(leaves) == 8 and all(isinstance(leaf, torch.Tensor) for leaf in leaves)
    rebuilt = torch.utils._pytree.tree_unflatten(leaves, spec)
    assert type(rebuilt) is type(features) and rebuilt[1][2] is features[1][2]


def test_joints_where_a_head_wants_heatmaps():
    codec = RSNHeatmap(INPUT_SIZE)
    labels = InstanceData(**{key: torch.as_tensor(value) for key, value in codec.encode(
        np.full((1, 17, 2), 20, np.float32)).items()})
    sample = PoseDataSample(gt_instance_labels=labels)
    head = MODELS.build(dict(
        type='HeatmapHead', in_channels=8, out_channels=17, deconv_out_channels=None))
    with pytest.raises(OptionError, match="set targets='heatmap' of the codec, in GenerateTarget"):
        head.loss((torch.rand(1, 8, 16, 12), ), [sample])


def test_samples_without_heatmaps_are_otherwise_as_before():
    assert not hasattr(PoseDataSample(), 'gt_fields')
    with pytest.raises(AttributeError, match='_gt_fields') as caught:
        PoseDataSample().gt_fields  # noqa: B018
    assert not isinstance(caught.value, OptionError)


# ---------------------------------------------------------------------- data with other joints


#: From COCO's joints to the 14 of AI Challenger; the neck and the top of the head have none.
TO_AIC = [(6, 0), (8, 1), (10, 2), (5, 3), (7, 4), (9, 5), (12, 6), (14, 7), (16, 8), (11, 9),
          (13, 10), (15, 11), (0, 12), ((5, 6), 13)]
CONVERT = dict(type='KeypointConverter', num_keypoints=14, mapping=TO_AIC)
LOAD = dict(type='rsn_mm.LoadVisibility')
TRAIN = [
    dict(type='rsn_mm.LoadImage'), dict(type='rsn_mm.ExtendBBox'),
    dict(type='rsn_mm.HalfBodyBBox', prob=1.), dict(type='rsn_mm.ScaleRotateBBox'),
    dict(type='RandomFlip', prob=1.), dict(type='TopdownAffine', input_size=INPUT_SIZE),
    dict(type='GenerateTarget', encoder=dict(type='rsn_mm.RSNHeatmap', input_size=INPUT_SIZE)),
    dict(type='PackPoseInputs')]


def coco_as_aic(folder, own: list[dict], common: list[dict], combined: bool = True):
    """COCO's annotations with the joints of AI Challenger."""
    content = draw_persons(folder, num_images=2)
    for person in content['annotations']:
        person['keypoints'][2::3] = [2, 1] + [0] * 3 + [2, 1] * 6
    (folder / 'persons.json').write_text(json.dumps(content))
    coco = dict(type='CocoDataset', ann_file='persons.json', data_root=str(folder), pipeline=own)
    if not combined:
        return DATASETS.build({**coco, 'pipeline': own + common})
    return DATASETS.build(dict(
        type='CombinedDataset', metainfo=dict(from_file='configs/_base_/datasets/aic.py'),
        datasets=[coco], pipeline=common))


def test_flags_are_loaded_before_joints_are_converted(tmp_path):
    dataset = coco_as_aic(tmp_path, own=[LOAD, CONVERT], common=TRAIN)
    labels = dataset[0]['data_samples'].gt_instance_labels
    flags = labels.keypoint_flags[0]
    # In the annotation, joints on the left are visible, those on the right occluded. The image is
    # mirrored, and the converter multiplies flags, but the codec's flags above 1 all mean visible.
    right, middle = [0, 1, 2, 6, 7, 8], [12, 13]
    visible = torch.tensor([i in right + middle for i in range(14)])
    inside = flags > 0
    assert inside.sum() > 4  # an augmented box may cut joints off
    assert (flags[inside] > 1).tolist() == visible[inside].tolist()


@pytest.mark.parametrize('own, common, combined', [
    ([CONVERT], [LOAD, *TRAIN], True),
    ([], [LOAD, CONVERT, *TRAIN], True),
    ([], [CONVERT, LOAD, *TRAIN], False),
], ids=['converter first', 'after CombinedDataset', 'one dataset'])
def test_joints_that_were_converted_too_early(tmp_path, own, common, combined):
    dataset = coco_as_aic(tmp_path, own, common, combined)
    with pytest.raises(ValueError, match='LoadVisibility must come before transforms that.*such '
                                         'as KeypointConverter.*both belong to the pipeline of '
                                         'each dataset'):
        dataset[0]
