"""The criteria; importing this package registers them."""

from __future__ import annotations

from matting.losses.dim import DIMLoss
from matting.losses.modnet import MODNetLoss
from matting.losses.ppmatting import PPMattingLoss, PPMattingV2Loss
from matting.losses.shm import SHMLoss
from matting.losses.soc import SOCLoss

__all__ = ["DIMLoss", "MODNetLoss", "PPMattingLoss", "PPMattingV2Loss", "SHMLoss", "SOCLoss"]
