"""Natural image matting on PaddleSeg: networks, data, training, evaluation and prediction of alpha mattes."""

__version__ = "0.1.0"
