"""Sort the suffixes of one file with divsufsort; started by substring.py with the peer's interpreter.

python _divsufsort.py FILE
"""

from __future__ import annotations

import sys

import numpy as np
import pydivsufsort


def main(file: str) -> None:
    data = np.fromfile(file, np.uint8)
    suffixes = pydivsufsort.divsufsort(data)
    print(len(suffixes), suffixes.dtype)


if __name__ == "__main__":
    main(sys.argv[1])
