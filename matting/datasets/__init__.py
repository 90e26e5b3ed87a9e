"""Data sets: lists of files, samples drawn from them, and batches."""

from matting.datasets import matting_dataset as matting_dataset
