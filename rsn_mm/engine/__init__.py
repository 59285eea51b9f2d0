from .amp import AmpOptimWrapper
from .check_data_hook import CheckDataHook
from .checkpoint_hook import CheckpointHook
from .distributed import CPUDistributedDataParallel
from .optimize_hook import OptimizeHook
from .visualization_hook import PoseVisualizationHook

__all__ = ['AmpOptimWrapper', 'CPUDistributedDataParallel', 'CheckDataHook', 'CheckpointHook',
           'OptimizeHook', 'PoseVisualizationHook']
