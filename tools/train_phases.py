"""Train phase after phase with one command: python tools/train_phases.py --phases configs/phases/shm-mobilenetv2.yml"""

import _door
from matting.commands.train_phases import main

if __name__ == "__main__":
    _door.run(main)
