"""The examples in docstrings run and give what they show."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest
import torch

import rsn_mm
from rsn_mm.datasets import transforms
from rsn_mm.models import units
from rsn_mm.models.heads import attention
from rsn_mm.registry import UNITS

#: What every example may use without importing it.
GLOBALS = dict(rsn_mm=rsn_mm, np=np, torch=torch)
MODULES = sorted(module.name for module in pkgutil.walk_packages(rsn_mm.__path__, 'rsn_mm.'))
#: Classes and functions that must have an example.
PUBLIC = [
    rsn_mm.models.RSN, rsn_mm.models.MultiStageRSNHead, rsn_mm.models.PoseRefineMachine,
    rsn_mm.models.CoarseToFineLoss, rsn_mm.models.Ensemble, rsn_mm.models.PretrainedResNet,
    units.ResidualUnit, rsn_mm.codecs.RSNHeatmap, rsn_mm.checkpoints.convert,
    rsn_mm.checkpoints.to_mmpose,
    units.ResidualStepsBlock, units.Res2NetUnit, units.DenseUnit, units.OSNetUnit,
    units.BasicUnit, units.Bottleneck, attention.SqueezeExcitation, attention.ConvBlockAttention,
    transforms.LoadImage, transforms.LoadVisibility, transforms.ExtendBBox,
    transforms.HalfBodyBBox, transforms.ScaleRotateBBox, transforms.PackInputSizes,
    rsn_mm.datasets.SyntheticCocoDataset, rsn_mm.evaluation.CocoMetric,
    rsn_mm.evaluation.MpiiPCKh, rsn_mm.sharding.ShardWorker,
    rsn_mm.apis.Complexity, rsn_mm.apis.OptimizedEstimator,
    rsn_mm.engine.OptimizeHook, rsn_mm.engine.CheckpointHook,
]


@pytest.mark.parametrize('name', MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # examples may write files and register units
    monkeypatch.setattr(UNITS, '_module_dict', dict(UNITS.module_dict))
    tests = doctest.DocTestFinder(exclude_empty=True).find(
        importlib.import_module(name), extraglobs=GLOBALS)
    runner = doctest.DocTestRunner(
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        assert runner.run(test).failed == 0, test.name


@pytest.mark.parametrize('public', PUBLIC, ids=lambda public: public.__name__)
def test_what_is_public_has_an_example(public):
    assert doctest.DocTestParser().get_examples(public.__doc__)
