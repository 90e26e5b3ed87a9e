"""The version of the package: written into checkpoints, exports, manifests and reports."""

__version__ = "0.1.0"
