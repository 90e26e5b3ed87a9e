"""The criteria; importing this package registers them."""

from __future__ import annotations

from matting.losses.modnet import MODNetLoss

__all__ = ["MODNetLoss"]
