"""What a network costs here: python tools/benchmark.py --config CONFIG --model_path WEIGHTS --batches 1 4"""

import _door
from matting.commands.benchmark import main

if __name__ == "__main__":
    _door.run(main)
