"""The encoders; `base.Backbone` says what each promises of its feature maps."""

from __future__ import annotations

from matting.models.backbones.hrnet import HRNet_W18, HRNet_W48
from matting.models.backbones.mobilenet_v2 import MobileNetV2
from matting.models.backbones.mobilenet_v3 import MobileNetV3
from matting.models.backbones.resnet_vd import ResNet50_vd
from matting.models.backbones.stdc import STDC1
from matting.models.backbones.vgg import VGG16

__all__ = ["HRNet_W18", "HRNet_W48", "MobileNetV2", "MobileNetV3", "ResNet50_vd", "STDC1", "VGG16"]
