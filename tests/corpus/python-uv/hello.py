"""Says where it runs."""

import sys

print(sys.prefix)
