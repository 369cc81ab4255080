"""One function over many items on a distributed engine: `python jobs run`; README.md says the rest."""

import sys

from engine_jobs.command import main

if __name__ == "__main__":
    sys.exit(main())
