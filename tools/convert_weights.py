"""Other people's checkpoints into ours: python tools/convert_weights.py modnet-torch modnet.ckpt modnet.safetensors"""

import _door
from matting.commands.convert_weights import main

if __name__ == "__main__":
    _door.run(main)
