"""A service that signs its answers."""
