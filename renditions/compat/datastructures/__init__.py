"""The base classes for sizers and filters of django-versatileimagefield.

They take a whole picture and return a file. A new sizer returns only geometry, and a new filter
only pixels: see `renditions.imaging.sizers` and `renditions.imaging.filters`.
"""

from renditions.compat import checks  # noqa: F401

from .filteredimage import FilteredImage, FilterLibrary
from .sizedimage import SizedImage

__all__ = ["FilterLibrary", "FilteredImage", "SizedImage"]
