"""Runs the `e2lm` command as `python -m e2lm`."""

import sys

from e2lm.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
