"""Preparing published data sets and the user's own folders: one file a set, and what they share."""

from matting.curation.preparation import aim500, aisegment, composition1k, distinctions646, own_folders, p3m10k, ppm100
from matting.curation.preparation.plan import Recipe

SETS: dict[str, Recipe] = {
    "ppm100": ppm100.RECIPE,
    "p3m10k": p3m10k.RECIPE,
    "composition1k": composition1k.RECIPE,
    "distinctions646": distinctions646.RECIPE,
    "aim500": aim500.RECIPE,
    "aisegment": aisegment.RECIPE,
    "folders": own_folders.RECIPE,
}
