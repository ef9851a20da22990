"""Image renditions for Django: sizes, crops and formats of a picture, made before anyone asks."""

from .planning.pictures import Picture

__all__ = ["Picture"]
