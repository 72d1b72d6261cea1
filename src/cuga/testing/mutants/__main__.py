"""`python -m cuga.testing.mutants` hunts the planted bugs."""

import sys

from cuga.testing.mutants import main

if __name__ == "__main__":
    sys.exit(main())
