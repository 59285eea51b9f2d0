"""Prediction of more images than one process can do: shards, parts, and the workers between."""

from .plan import Plan, prepare
from .settings import ShardSettings
from .worker import ShardWorker

__all__ = ['Plan', 'ShardSettings', 'ShardWorker', 'prepare']
