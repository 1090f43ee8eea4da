"""Prints a signed text."""

from itsdangerous import Signer

print(Signer("corpus").sign("ready").decode())
