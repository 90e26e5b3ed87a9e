"""The networks; importing this package registers them and their backbones."""

from __future__ import annotations

from matting.models import backbones as backbones
from matting.models.dim import DIM
from matting.models.modnet import MODNet
from matting.models.ppmatting import PPMatting
from matting.models.ppmattingv2 import PPMattingV2
from matting.models.rvm import RVM
from matting.models.shm import SHM

__all__ = ["DIM", "MODNet", "PPMatting", "PPMattingV2", "RVM", "SHM"]
