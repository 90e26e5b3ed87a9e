"""Cutting people out of photographs: which ones, in which order, written as what."""
