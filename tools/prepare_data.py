"""Prepare a data set for training: python tools/prepare_data.py ppm100 --source PPM-100 --target data/PPM-100"""

import _door
from matting.commands.prepare_data import main

if __name__ == "__main__":
    _door.run(main)
