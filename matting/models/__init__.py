"""The networks; importing this package registers them and their backbones."""

from __future__ import annotations

from matting.models import backbones as backbones
from matting.models.dim import DIM
from matting.models.modnet import MODNet

__all__ = ["DIM", "MODNet"]
