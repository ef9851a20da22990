"""The settings that all jobs share. Each job adds its neighbour and an app of its own."""

from tests.settings import *
