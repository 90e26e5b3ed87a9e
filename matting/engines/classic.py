"""Matting without a network: methods that find a matte from a photograph and its trimap by linear algebra."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from matting.choices import CLASSIC
from matting.engines.guided import guided
from matting.engines.network import Interface
from matting.errors import MattingError
from matting.sample import BACKGROUND, FOREGROUND
from matting.trimap import unknown_mask
from matting.version import __version__

LONGEST = 1400
"""Pixels of the longer side of what is solved whole: memory grows with the pixels, and larger pictures are shrunk."""

_OF_PYMATTING = {
    "closed-form": "estimate_alpha_cf",
    "knn": "estimate_alpha_knn",
    "learning-based": "estimate_alpha_lbdm",
    "large-kernel": "estimate_alpha_lkm",
    "random-walk": "estimate_alpha_rw",
}
"""Its functions by our names."""

_ALONE = threading.Lock()
"""Its threads are numba's, of which not every kind may be started from two places at once."""


def is_classic(source: object) -> bool:
    """Return whether what stands for weights is the name of a method; an existing path wins over it."""
    return isinstance(source, (str, Path)) and str(source) in CLASSIC and not Path(source).exists()


def version(name: str) -> str:
    """Return what computes a method, with its version."""
    return f"pymatting {importlib.metadata.version('pymatting')}" if name in _OF_PYMATTING else f"matting {__version__}"


class ClassicNetwork:
    """A method in the place of a network.

    Args:
        name: one of `choices.CLASSIC`. "guided" is our own (`matting.engines.guided`), the others are pymatting's with
            its own settings.

    Raises:
        MattingError: the name is none of these, or pymatting is not installed.
    """

    def __init__(self, name: str) -> None:
        if name not in CLASSIC:
            raise MattingError(f"{name!r} is no method; there are {', '.join(CLASSIC)}")
        self.name = name
        # Its windows of 21 pixels are summed within 21 pixels; the others look at few pixels.
        self.interface = Interface(("image", "trimap"), smallest=41 if name == "large-kernel" else 9)
        self._estimate = _pymatting(name) if name in _OF_PYMATTING else guided

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Map image (N, 3, H, W), of values from 0 to 255, and trimap (N, 1, H, W) to `alpha` (N, 1, H, W).

        Raises:
            MattingError: a trimap knows no foreground or no background, or the method finds nothing.
        """
        mattes = [self._found(image, marks) for image, (marks,) in zip(*inputs, strict=True)]
        return {"alpha": np.stack(mattes)[:, None]}

    def _found(self, image: np.ndarray, trimap: np.ndarray) -> np.ndarray:
        if not unknown_mask(trimap).any():
            return trimap / np.float32(255)
        for value, what in ((FOREGROUND, "foreground"), (BACKGROUND, "background")):
            if not (trimap == value).any():
                raise MattingError(
                    f"the trimap knows no {what} (a pixel of {value}); {self.name} follows the colours of what is "
                    "known, so mark some of both"
                )
        try:
            alpha = self._estimate(np.ascontiguousarray(image.transpose(1, 2, 0)), trimap)
        except ValueError as error:
            raise MattingError(
                f"{self.name} found no matte: {error}; mark more in the trimap, or take another method (guided)"
            ) from None
        return alpha.astype(np.float32)


def _pymatting(name: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function of pymatting: image (H, W, 3) and trimap (H, W) of 0 to 255 to alpha.

    Not at the first picture but now: it compiles itself at its first use on a machine, which takes a minute or two.
    """
    if importlib.util.find_spec("pymatting") is None:
        raise MattingError(
            f"{name} is computed by pymatting, which is not installed: pip install pymatting, or the extra `classic`; "
            "guided needs nothing further"
        )
    import pymatting

    # It says on standard output, where results may go, that it tries again; what fails in the end it raises.
    vars(importlib.import_module("pymatting.preconditioner.ichol"))["print"] = lambda *words: None
    function = getattr(pymatting, _OF_PYMATTING[name])

    def estimate(image: np.ndarray, trimap: np.ndarray) -> np.ndarray:
        with _ALONE:
            return function(image / np.float64(255), trimap / np.float64(255))

    return estimate
