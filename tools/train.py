"""Train a matting network: python tools/train.py --config configs/modnet/modnet-mobilenetv2.yml --do_eval"""

import _door
from matting.commands.train import main

if __name__ == "__main__":
    _door.run(main)
