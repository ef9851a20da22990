"""Where the frames of an AVIF track are: its sample tables, by ISO/IEC 14496-12, section 8.7."""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import BinaryIO

Tables = Mapping[bytes, int]  # name of a box: offset of its body


def samples_cost(file: BinaryIO, tables: Tables, bytes_a_sample: int) -> int:
    """Return the cost to read `tables`: libavif searches all runs for each chunk."""
    chunks = _count(file, tables, b"stco", 4) + _count(file, tables, b"co64", 4)
    compared = chunks * _count(file, tables, b"stsc", 4)
    return _count(file, tables, b"stsz", 8) * bytes_a_sample + compared // 16


def sample_locations(file: BinaryIO, tables: Tables) -> Iterator[tuple[int, int]]:
    """Yield the offset and the length of each sample. Ends early if the tables do not match."""
    sizes = _sizes(file, tables)
    runs = list(_entries(file, tables, b"stsc", ">3I", len(sizes)))
    chunks = [*_entries(file, tables, b"stco", ">I", len(sizes))]
    chunks += _entries(file, tables, b"co64", ">Q", len(sizes))
    sample = 0
    for number, (offset,) in enumerate(chunks, 1):
        run = bisect_right(runs, number, key=lambda entry: entry[0]) - 1
        samples = runs[run][1] if run >= 0 else 0
        for length in sizes[sample : sample + samples]:
            yield offset, length
            offset += length
        sample += samples


def _sizes(file: BinaryIO, tables: Tables) -> list[int]:
    count = _count(file, tables, b"stsz", 8)
    if not count:
        return []
    file.seek(tables[b"stsz"] + 4)
    one_for_all = int.from_bytes(file.read(4), "big")
    if one_for_all:
        return [one_for_all] * count
    file.seek(4, 1)
    data = file.read(4 * count)
    return [size for (size,) in struct.iter_unpack(">I", data[: len(data) // 4 * 4])]


def _entries(
    file: BinaryIO, tables: Tables, name: bytes, layout: str, most: int
) -> Iterator[tuple[int, ...]]:
    """Yield at most `most` entries of a table."""
    width = struct.calcsize(layout)
    count = min(_count(file, tables, name, 4), most)
    if count:
        file.seek(tables[name] + 8)
        data = file.read(width * count)
        yield from struct.iter_unpack(layout, data[: len(data) // width * width])


def _count(file: BinaryIO, tables: Tables, name: bytes, at: int) -> int:
    """Return the number of entries that a table states; 0: there is no such table."""
    if name not in tables:
        return 0
    file.seek(tables[name] + at)
    return int.from_bytes(file.read(4), "big")
