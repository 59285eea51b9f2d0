from .coarse_to_fine import CoarseToFineLoss, mse_loss, ohkm_loss

__all__ = ['CoarseToFineLoss', 'mse_loss', 'ohkm_loss']
