"""`python -m cuga.cli` is the command `cuga`."""

import sys

from cuga.cli.main import main

sys.exit(main())
