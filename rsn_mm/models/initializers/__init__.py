from .pretrained_resnet import PretrainedResNet

__all__ = ['PretrainedResNet']
