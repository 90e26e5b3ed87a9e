"""Make trimaps from masks or mattes: python tools/make_trimap.py --alpha_path masks/ --save_dir trimaps/"""

import _door
from matting.commands.make_trimap import main

if __name__ == "__main__":
    _door.run(main)
