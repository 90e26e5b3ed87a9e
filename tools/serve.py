"""Cutouts over HTTP, for programs and for people: python tools/serve.py"""

import _door
from matting.commands.serve import main

if __name__ == "__main__":
    _door.run(main)
