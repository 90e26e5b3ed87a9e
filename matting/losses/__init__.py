"""The criteria; importing this package registers them."""

from __future__ import annotations

from matting.losses.dim import DIMLoss
from matting.losses.laplacian import LaplacianLoss
from matting.losses.modnet import MODNetLoss
from matting.losses.ppmatting import PPMattingLoss, PPMattingV2Loss
from matting.losses.shm import SHMLoss
from matting.losses.soc import SOCLoss

__all__ = ["DIMLoss", "LaplacianLoss", "MODNetLoss", "PPMattingLoss", "PPMattingV2Loss", "SHMLoss", "SOCLoss"]
