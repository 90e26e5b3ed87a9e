"""Cut people out of a clip: python tools/predict_video.py --config CONFIG --model_path WEIGHTS --video_path clip.mp4"""

import _door
from matting.commands.predict_video import main

if __name__ == "__main__":
    _door.run(main)
