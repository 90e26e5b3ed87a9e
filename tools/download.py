"""Published weights and data: python tools/download.py list, get modnet-hrnet_w18, cache, prune --older_than 30"""

import _door
from matting.commands.download import main

if __name__ == "__main__":
    _door.run(main)
