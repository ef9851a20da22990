"""Fixtures that the tests of the library have, too."""

from tests.renditions.conftest import card, on_demand

__all__ = ["card", "on_demand"]
