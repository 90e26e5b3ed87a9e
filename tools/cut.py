"""Cut people out of pictures, folders and streams: python tools/cut.py photo.jpg"""

import _door
from matting.commands.cut import main

if __name__ == "__main__":
    _door.run(main)
