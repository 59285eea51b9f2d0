from .amp import AmpOptimWrapper
from .check_data_hook import CheckDataHook
from .checkpoint_hook import CheckpointHook
from .cuda_graph_hook import CudaGraphHook
from .distributed import CPUDistributedDataParallel
from .log_processor import LogProcessor
from .optimize_hook import OptimizeHook
from .run_summary_hook import RunSummaryHook
from .visualization_hook import PoseVisualizationHook

__all__ = ['AmpOptimWrapper', 'CPUDistributedDataParallel', 'CheckDataHook', 'CheckpointHook',
           'CudaGraphHook', 'LogProcessor', 'OptimizeHook', 'PoseVisualizationHook',
           'RunSummaryHook']
