"""Cut out pictures without number, on many machines: python tools/batch.py --input photos --output cutouts"""

import _door
from matting.commands.batch import main

if __name__ == "__main__":
    _door.run(main)
