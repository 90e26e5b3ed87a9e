"""What flags and calls let people choose among: words alone, for help is shown before anything heavy is loaded."""

KINDS = ("alpha", "rgba", "composite", "side_by_side", "trimap")
"""Of results. `trimap` is the one that a network draws inside (SHM)."""

FORMATS = ("png", "webp", "jpeg", "tiff")
"""Of files that are written, the usual one first."""

ESTIMATES = ("blur_fusion", "multilevel", "none")
"""Of the foreground's own colours, the usual one first."""

REFINEMENTS = ("none", "fast", "best")
"""Ways to find edges at the photograph's size."""

CLASSIC = ("guided", "closed-form", "knn", "learning-based", "large-kernel", "random-walk")
"""Methods without a network, which find a matte from a trimap and are named like weights."""
