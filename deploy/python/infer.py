"""Predict with an export, under PaddleSeg's name for it: python deploy/python/infer.py --config exported/deploy.yaml
--image_path photos
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from matting.commands.predict import main
from matting.commands.running import run

if __name__ == "__main__":
    run(main)
