"""Predict with an export, under PaddleSeg's name for it: python deploy/python/infer.py --config exported/deploy.yaml
--image_path photos, or --video_path clip.mp4
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from matting.commands import predict, predict_video
from matting.commands.running import run

if __name__ == "__main__":
    is_clip = any(word.partition("=")[0] == "--video_path" for word in sys.argv)
    run((predict_video if is_clip else predict).main)
