"""People drawn by code with exact alpha, and what stands behind them: data to start with and to test on."""

from __future__ import annotations

from matting.drawn_data.backgrounds import draw_background
from matting.drawn_data.dataset import write_dataset
from matting.drawn_data.portrait import draw_portrait

__all__ = ["draw_background", "draw_portrait", "write_dataset"]
