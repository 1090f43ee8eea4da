"""`python -m bake` and the `bake` script."""

from __future__ import annotations

import sys


def main() -> int:
    """The exit code of the command that the process was started with."""
    from bake.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
