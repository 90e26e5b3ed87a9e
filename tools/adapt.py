"""Adapt a MODNet to your own photographs without labels: python tools/adapt.py --config CONFIG --model_path WEIGHTS
--image_path photos
"""

import _door
from matting.commands.adapt import main

if __name__ == "__main__":
    _door.run(main)
