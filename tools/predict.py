"""Cut people out of photographs: python tools/predict.py --config CONFIG --model_path WEIGHTS --image_path photos/"""

import _door
from matting.commands.predict import main

if __name__ == "__main__":
    _door.run(main)
