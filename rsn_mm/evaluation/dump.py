"""Predictions in a file."""

import pickle

from mmengine.evaluator import DumpResults as MMEngineDumpResults

from rsn_mm.files import written_whole
from rsn_mm.registry import METRICS


@METRICS.register_module()
class DumpResults(MMEngineDumpResults):
    """mmengine's metric, whose file appears when it is complete, and not before.

    Args:
        kwargs: Of mmengine's ``DumpResults``.
    """

    def compute_metrics(self, results: list) -> dict:
        """Write the predictions."""
        with written_whole(self.out_file_path) as file:
            pickle.dump(results, file, protocol=4)
        return {}
