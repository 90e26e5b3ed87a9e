"""Score a folder of mattes: python tools/evaluate_mattes.py --alpha true_mattes --pred mattes --report report.html"""

import _door
from matting.commands.evaluate_mattes import main

if __name__ == "__main__":
    _door.run(main)
