"""The names of the old package's `image_warmer`."""

from renditions.image_warmer import VersatileImageFieldWarmer, cli_progress_bar

__all__ = [
    "VersatileImageFieldWarmer",
    "cli_progress_bar",
]
