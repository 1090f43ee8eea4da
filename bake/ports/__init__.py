"""The outside world as the solver and the commands see it: small protocols, each with its guarantees in words.

Methods without `async` answer from a local index in microseconds; everything that may wait is async.
"""
