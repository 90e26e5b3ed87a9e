"""Cut people out of a clip or a camera: python tools/video.py clip.mp4 cutout.mov"""

import _door
from matting.commands.video import main

if __name__ == "__main__":
    _door.run(main)
