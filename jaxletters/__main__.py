"""`python -m jaxletters`: the command `jaxletters`, where its script is not on the path."""

import sys

from jaxletters.cli import main

if __name__ == "__main__":
    sys.exit(main.main())
