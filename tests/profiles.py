"""Small ICC profiles, built by code: RGB by primaries and gamma, grey by gamma, CMYK by a table of its corners."""

from __future__ import annotations

import itertools
import struct

import numpy as np

ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
"""Chromaticities of Adobe RGB's red, green and blue; its gamma is 563/256."""

P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_D50 = np.array([0.9642, 1.0, 0.8249])
_D65_TO_D50 = np.array(
    [[1.0478112, 0.0228866, -0.0501270], [0.0295424, 0.9904844, -0.0170491], [-0.0092345, 0.0150436, 0.7521316]]
)


def matrix(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Return what turns linear RGB under daylight (D65) into XYZ under the white of profiles (D50)."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    return _D65_TO_D50 @ (columns * np.linalg.solve(columns, white))


def rgb(primaries: tuple[tuple[float, float], ...], gamma: float = 563 / 256) -> bytes:
    """Return a profile for RGB."""
    tags = {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix(primaries).T, strict=True)}
    return _profile(b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma(gamma)))


def grey(gamma: float) -> bytes:
    """Return a profile for grey."""
    return _profile(b"GRAY", b"XYZ ", {b"kTRC": _gamma(gamma)})


def cmyk() -> bytes:
    """Return a profile for CMYK whose pure inks are brighter than the complements of red, green and blue."""
    ramp = bytes(range(256))
    nodes = b""
    for inks in itertools.product((0, 1), repeat=4):
        light = np.prod([1 - 0.55 * ink for ink in inks])
        lab = (255 * light, 128 + 40 * (inks[1] + inks[2] / 2 - inks[0]), 128 + 50 * (inks[2] - inks[0] / 2))
        nodes += bytes(int(np.clip(value, 0, 255)) for value in lab)
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + nodes + ramp * 3
    return _profile(b"CMYK", b"Lab ", {b"A2B0": table})


def _xyz(values: np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * value) for value in values))


def _gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(256 * value)) + bytes(2)


def _profile(space: bytes, between: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"drawn\0"
    words = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": words, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": _xyz(_D50)} | tags
    place, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    device = b"prtr" if space == b"CMYK" else b"mntr"
    header = struct.pack(">I4sI4s4s4s", place + len(body), b"none", 0x02400000, device, space, between)
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
