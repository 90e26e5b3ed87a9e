"""Clips and cameras around the predictor: frames streamed in, mattes and composites encoded, sound carried over."""
