"""Put people before another background: python tools/bg_replace.py --config CONFIG --model_path WEIGHTS --image_path
photos/ --background beach.jpg
"""

import _door
from matting.commands.bg_replace import main

if __name__ == "__main__":
    _door.run(main)
