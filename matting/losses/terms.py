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


def charbonnier(prediction: paddle.Tensor, truth: paddle.Tensor, mask: paddle.Tensor | None = None) -> paddle.Tensor:
    """Return the mean of sqrt((prediction - truth)^2 + 1e-6) over masked pixels and all channels; 0 if there are none.

    Equations 1 and 2 of Deep Image Matting; PaddleSeg calls it MRSD.

    Args:
        prediction, truth: (N, C, H, W).
        mask: (N, 1, H, W) float, 0 or 1; None takes all pixels.
    """
    distance = ((prediction - truth).square() + 1e-6).sqrt()
    if mask is None:
        return distance.mean()
    return (distance * mask).sum() / (mask.sum() * distance.shape[1] + 1e-6)


def sobel(prediction: paddle.Tensor, truth: paddle.Tensor, mask: paddle.Tensor | None = None) -> paddle.Tensor:
    """Return the mean difference of the Sobel gradient's magnitude, borders replicated.

    With a mask both are 0 outside of it before the gradient is taken, and the mean is over its pixels; 0 without any.

    Args:
        prediction, truth: (N, 1, H, W).
        mask: (N, 1, H, W) float, 0 or 1; None takes all pixels.
    """
    if mask is None:
        return l1(_magnitude(prediction), _magnitude(truth))
    return (_magnitude(prediction * mask) - _magnitude(truth * mask)).abs().sum() / (mask.sum() + 1e-6)


def laplacian(
    prediction: paddle.Tensor, truth: paddle.Tensor, mask: paddle.Tensor | None = None, levels: int = 5
) -> paddle.Tensor:
    """Return the sum over the levels of a Laplacian pyramid of the mean |difference|, PaddleSeg's and AIM's term.

    At each level a 5x5 blur (borders replicated) is taken off, and what it took off is halved by 2x2 means; the last
    level is what remains. All of it is linear, so the pyramid of the difference is what has to be built.

    Args:
        prediction, truth: (N, 1, H, W), no side below 2 ** levels.
        mask: (N, 1, H, W) float, 0 or 1; outside of it there is no difference. The means are over all pixels.
    """
    rest = (prediction - truth) * (1 if mask is None else mask)
    bell = paddle.exp(-paddle.arange(-2, 3, dtype=rest.dtype).square())
    kernel = bell.unsqueeze(0) + bell.unsqueeze(1)  # as published: a sum, not the product that a Gaussian would be
    kernel = (kernel / kernel.sum()).reshape([1, 1, 5, 5])
    total = paddle.zeros([], rest.dtype)
    for _ in range(levels):
        blurred = F.conv2d(F.pad(rest, [2, 2, 2, 2], mode="replicate"), kernel)
        total = total + (rest - blurred).abs().mean()
        rest = F.avg_pool2d(blurred, 2, 2)
    return total + rest.abs().mean()


def _magnitude(x: paddle.Tensor) -> paddle.Tensor:
    """Return the magnitude of the Sobel gradient of (N, 1, H, W); the kernels' absolute values sum to 1."""
    step, smooth = (paddle.to_tensor(row, dtype=x.dtype) for row in ([-1.0, 0.0, 1.0], [1.0, 2.0, 1.0]))
    along_x = smooth.unsqueeze(1) * step.unsqueeze(0) / 8
    kernels = paddle.stack((along_x, along_x.t())).unsqueeze(1)
    gradient = F.conv2d(F.pad(x, [1, 1, 1, 1], mode="replicate"), kernels)
    return (gradient.square().sum(axis=1, keepdim=True) + 1e-6).sqrt()
