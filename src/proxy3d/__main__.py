"""`python -m proxy3d` is `proxy3d`, so that a launcher of several processes can start it."""

from __future__ import annotations

import sys

from proxy3d.cli import main

if __name__ == "__main__":
    sys.exit(main())
