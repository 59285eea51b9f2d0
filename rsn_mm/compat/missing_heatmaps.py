"""mmpose's heads read target heatmaps from samples that may have none.

The codec ``rsn_mm.RSNHeatmap`` leaves it to ``MultiStageRSNHead`` to draw them, unless it is told
otherwise. Under another head, the error would be about the private attribute ``_gt_fields``.
"""

from mmpose.structures import PoseDataSample

from rsn_mm.errors import OptionError


class MissingHeatmapsError(OptionError, AttributeError):
    """A head asks for target heatmaps, but the codec encodes joints."""


def mend() -> None:
    """Let the error name the option to set if the sample is one of our codec."""
    original = PoseDataSample.gt_fields
    if getattr(original.fget, 'mended', False):
        return

    def gt_fields(self: PoseDataSample):
        try:
            return original.fget(self)
        except AttributeError as error:
            if 'keypoint_cells' not in self.get('gt_instance_labels', ()):
                raise
            raise MissingHeatmapsError(
                'the head asks for target heatmaps, but the codec rsn_mm.RSNHeatmap has encoded '
                "joints: set targets='heatmap' of the codec, in GenerateTarget and in the head's "
                'decoder') from error

    gt_fields.mended = True  # type: ignore[attr-defined]
    PoseDataSample.gt_fields = original.getter(gt_fields)
