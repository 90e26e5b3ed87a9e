"""Look for what is wrong with a data set: python tools/check_data.py data/PPM-100/train.txt data/PPM-100/val.txt"""

import _door
from matting.commands.check_data import main

if __name__ == "__main__":
    _door.run(main)
