"""Put people of a clip before another background: python tools/bg_replace_video.py --video_path clip.mp4 --background
beach.jpg
"""

import _door
from matting.commands.bg_replace_video import main

if __name__ == "__main__":
    _door.run(main)
