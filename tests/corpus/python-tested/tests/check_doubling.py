"""A test that runs while the image is built."""

import unittest

from lib import double


class Doubling(unittest.TestCase):
    """Numbers and zero."""

    def test_numbers(self) -> None:
        self.assertEqual([double(each) for each in (0, 1, -2)], [0, 2, -4])
