"""A TIFF, whose first directory says everything."""

from typing import BinaryIO

from .directories import read_directory
from .header import Header


def read_tiff(file: BinaryIO, header: Header, max_metadata_bytes: int, max_scans: int) -> None:
    """Fill `header` from the first directory; only its picture is read."""
    directory = read_directory(file, max_metadata_bytes)
    header.size, header.metadata_bytes = directory.size, directory.cost
