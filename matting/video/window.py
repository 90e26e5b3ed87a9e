"""A window that shows frames as they are made, where OpenCV has windows."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from matting.errors import MattingError

_NAME = "matting"


class Window:
    """A window on the screen.

    Raises:
        MattingError: this OpenCV has none, or there is no screen.
    """

    def __init__(self) -> None:
        try:
            cv2.namedWindow(_NAME, cv2.WINDOW_NORMAL)
        except cv2.error:
            raise MattingError(
                "--show: this OpenCV has no windows (opencv-python-headless has none), or there is no screen; leave "
                "--show out, and look at the file"
            ) from None

    def show(self, pixels: Mapping[str, np.ndarray]) -> None:
        """Show a frame: the composite if there is one, else the matte."""
        shown = pixels.get("composite", pixels["alpha"])
        cv2.imshow(_NAME, shown if shown.ndim == 2 else cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
        cv2.waitKey(1)
