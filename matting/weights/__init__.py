"""Weights: read safely, written whole, fetched once, and never put into the wrong network without a word."""

from matting.weights.download import fetch, located
from matting.weights.files import read_weights, refuse_onnx, weights_file, write_weights
from matting.weights.fitting import load_pretrained, load_weights, put
from matting.weights.pickled import unpickle_arrays
from matting.weights.safetensors_format import is_safetensors, read_identity

__all__ = [
    "fetch",
    "is_safetensors",
    "load_pretrained",
    "load_weights",
    "located",
    "put",
    "read_identity",
    "read_weights",
    "refuse_onnx",
    "unpickle_arrays",
    "weights_file",
    "write_weights",
]
