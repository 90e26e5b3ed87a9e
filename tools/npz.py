"""Pictures as .npz inputs for other toolchains, and their results back: python tools/npz.py pack --model_path exported
--image_path photos --save_dir inputs
"""

import _door
from matting.commands.npz import main

if __name__ == "__main__":
    _door.run(main)
