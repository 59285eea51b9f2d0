"""Registries of the plugin, scope ``rsn_mm``.

They are children of mmengine's root registries, so that ``type='rsn_mm.NAME'`` is found from an
mmpose scope and from an mmdet scope alike; a child of mmpose's registries would not be seen from
mmdet. Codecs are the exception: mmengine has no root for them, their parent is mmpose's own.
Residual units have no counterpart in the other packages, and their registry has no parent.
mmengine imports this module by itself when it meets the prefix ``rsn_mm.``.
"""

from mmengine import registry as root
from mmengine.registry import Registry
from mmpose.registry import KEYPOINT_CODECS as MMPOSE_CODECS

SCOPE = 'rsn_mm'

MODELS = Registry('model', parent=root.MODELS, scope=SCOPE, locations=['rsn_mm.models'])
UNITS = Registry('residual unit', scope=SCOPE, locations=['rsn_mm.models.units'])
MODEL_WRAPPERS = Registry(
    'model_wrapper', parent=root.MODEL_WRAPPERS, scope=SCOPE, locations=['rsn_mm.engine'])
OPTIM_WRAPPERS = Registry(
    'optimizer wrapper', parent=root.OPTIM_WRAPPERS, scope=SCOPE, locations=['rsn_mm.engine'])
WEIGHT_INITIALIZERS = Registry(
    'weight initializer', parent=root.WEIGHT_INITIALIZERS, scope=SCOPE,
    locations=['rsn_mm.models'])
HOOKS = Registry('hook', parent=root.HOOKS, scope=SCOPE, locations=['rsn_mm.engine'])
LOOPS = Registry('loop', parent=root.LOOPS, scope=SCOPE, locations=['rsn_mm.engine'])
DATASETS = Registry('dataset', parent=root.DATASETS, scope=SCOPE, locations=['rsn_mm.datasets'])
TRANSFORMS = Registry(
    'transform', parent=root.TRANSFORMS, scope=SCOPE, locations=['rsn_mm.datasets.transforms'])
METRICS = Registry('metric', parent=root.METRICS, scope=SCOPE, locations=['rsn_mm.evaluation'])
KEYPOINT_CODECS = Registry(
    'keypoint codec', parent=MMPOSE_CODECS, scope=SCOPE, locations=['rsn_mm.codecs'])
LOG_PROCESSORS = Registry(
    'log processor', parent=root.LOG_PROCESSORS, scope=SCOPE, locations=['rsn_mm.engine'])
