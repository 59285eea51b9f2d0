"""Keypoints of the people in photographs."""

from .predictor import Predictor

__all__ = ['Predictor']
