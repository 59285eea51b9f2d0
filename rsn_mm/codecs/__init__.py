from .rsn_heatmap import RSNHeatmap

__all__ = ['RSNHeatmap']
