"""People drawn by code with exact alpha, and what stands behind them: data to start with and to test on."""

from __future__ import annotations

from demo.drawn_people.backgrounds import draw_background
from demo.drawn_people.dataset import write_dataset
from demo.drawn_people.portrait import draw_portrait

__all__ = ["draw_background", "draw_portrait", "write_dataset"]
