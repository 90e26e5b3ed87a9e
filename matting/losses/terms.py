"""The terms of matting losses as pure functions of tensors, shared by all criteria."""

from __future__ import annotations

import paddle
from paddle.nn import functional as F

from matting.sample import UNKNOWN

_SIDE, _CENTRE = 0.25022103, 0.49955794
"""The row of MODNet's 3x3 blur: a Gaussian of sigma 0.8 px applied to (0, 1, 0) with mirrored borders."""


def l1(prediction: paddle.Tensor, truth: paddle.Tensor) -> paddle.Tensor:
    """Return the mean of |prediction - truth|."""
    return (prediction - truth).abs().mean()


def mse(prediction: paddle.Tensor, truth: paddle.Tensor) -> paddle.Tensor:
    """Return the mean of (prediction - truth)^2."""
    return (prediction - truth).square().mean()


def masked_l1(prediction: paddle.Tensor, truth: paddle.Tensor, mask: paddle.Tensor) -> paddle.Tensor:
    """Return the mean of |prediction - truth| where `mask` (float) is 1 instead of 0; 0 if it is nowhere."""
    return ((prediction - truth).abs() * mask).mean() / (mask.mean() + 1e-6)


def composition(alpha: paddle.Tensor, truth: paddle.Tensor, image: paddle.Tensor) -> paddle.Tensor:
    """Return the mean over pixels and channels of |alpha I - truth I|, MODNet's composition term.

    Args:
        alpha, truth: (N, 1, H, W) in [0, 1].
        image: (N, 3, H, W), normalised.
    """
    return l1(alpha * image, truth * image)


def unknown(trimap: paddle.Tensor) -> paddle.Tensor:
    """Return where a trimap (N, 1, H, W) in {0, 128, 255} knows nothing: float32, 1 there and 0 elsewhere."""
    return (trimap == UNKNOWN).astype("float32")


def inside(mask: paddle.Tensor, prediction: paddle.Tensor, truth: paddle.Tensor) -> paddle.Tensor:
    """Return the prediction where `mask` is 1, the truth elsewhere: only the masked pixels get a gradient."""
    return paddle.where(mask > 0, prediction, truth)


def reduced(alpha: paddle.Tensor, factor: int = 16) -> paddle.Tensor:
    """Shrink (N, 1, H, W) by `factor` bilinearly and blur it by 3x3: what MODNet's semantic branch should say."""
    height, width = alpha.shape[2] // factor, alpha.shape[3] // factor
    small = F.interpolate(alpha, size=(height, width), mode="bilinear", align_corners=False)
    row = paddle.to_tensor([_SIDE, _CENTRE, _SIDE], dtype=small.dtype)
    kernel = (row.unsqueeze(0) * row.unsqueeze(1)).reshape([1, 1, 3, 3])
    return F.conv2d(F.pad(small, [1, 1, 1, 1], mode="reflect"), kernel)


def charbonnier(prediction: paddle.Tensor, truth: paddle.Tensor, mask: paddle.Tensor) -> paddle.Tensor:
    """Return the mean of sqrt((prediction - truth)^2 + 1e-6) over masked pixels and all channels; 0 if there are none.

    Equations 1 and 2 of Deep Image Matting.

    Args:
        prediction, truth: (N, C, H, W).
        mask: (N, 1, H, W) float, 0 or 1.
    """
    distance = ((prediction - truth).square() + 1e-6).sqrt()
    return (distance * mask).sum() / (mask.sum() * distance.shape[1] + 1e-6)
