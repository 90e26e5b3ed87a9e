"""Score trained weights: python tools/val.py --config CONFIG --model_path output/best_model --save_results --report"""

import _door
from matting.commands.val import main

if __name__ == "__main__":
    _door.run(main)
