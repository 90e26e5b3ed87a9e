"""Natural image matting on PaddleSeg: networks, data, training, evaluation and prediction of alpha mattes."""

from matting.system import telemetry
from matting.version import __version__ as __version__

# Here, because nothing of the package can be imported before it.
telemetry.switch_off()


def __getattr__(name: str) -> object:
    """Import the one class that programs start from when it is asked for: it costs NumPy and OpenCV."""
    if name == "Predictor":
        from matting.predictor import Predictor

        return Predictor
    raise AttributeError(f"module 'matting' has no attribute {name!r}")
