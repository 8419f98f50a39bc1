"""`python -m sfu` is the command `sfu`."""

import sys

from sfu.cli import main

sys.exit(main())
