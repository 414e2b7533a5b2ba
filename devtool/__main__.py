"""`python -m devtool`: what ./dev becomes once its environment is there."""

from __future__ import annotations

import sys

from devtool.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
