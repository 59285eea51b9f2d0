from .amp import AmpOptimWrapper
from .check_data_hook import CheckDataHook
from .checkpoint_hook import CheckpointHook
from .cuda_graph_hook import CudaGraphHook
from .distributed import CPUDistributedDataParallel
from .divergence_hook import DivergenceHook
from .log_processor import LogProcessor
from .optimize_hook import OptimizeHook
from .run_summary_hook import RunSummaryHook
from .seed_hook import SeedHook
from .stop_hook import StopHook
from .train_loop import TrainLoop
from .visualization_hook import PoseVisualizationHook
from .workers_hook import WorkersHook

__all__ = ['AmpOptimWrapper', 'CPUDistributedDataParallel', 'CheckDataHook', 'CheckpointHook',
           'CudaGraphHook', 'DivergenceHook', 'LogProcessor', 'OptimizeHook',
           'PoseVisualizationHook', 'RunSummaryHook', 'SeedHook', 'StopHook', 'TrainLoop',
           'WorkersHook']
