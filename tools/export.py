"""Write a network for other programs: python tools/export.py --config CONFIG --model_path WEIGHTS --save_dir folder"""

import _door
from matting.commands.export import main

if __name__ == "__main__":
    _door.run(main)
