"""Make a training copy that reads fast: python tools/pack_data.py train.txt --dataset_root DIR --target DIR-packed"""

import _door
from matting.commands.pack_data import main

if __name__ == "__main__":
    _door.run(main)
