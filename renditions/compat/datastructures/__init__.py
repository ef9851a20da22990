"""The base classes of sizers and filters written for django-versatileimagefield.

They take a whole picture and give back a file. Code written today says what to cut instead:
see `renditions.imaging.sizers`.
"""

from .filteredimage import FilteredImage, FilterLibrary
from .sizedimage import SizedImage

__all__ = ["FilterLibrary", "FilteredImage", "SizedImage"]
