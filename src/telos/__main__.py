"""`python -m telos` is the command `telos`."""

import sys

from telos.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
