"""`python -m selector` is `concurrency-selector`."""

import sys

from selector.cli import main

sys.exit(main())
