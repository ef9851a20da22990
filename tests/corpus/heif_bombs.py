"""Small files in HEIF that need much time or memory, or are not what they claim to be."""

import functools
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image

from renditions.imaging.headers.boxes import Container
from tests.heif import as_heif

from .metadata_bombs import box, exif

SIDE = 64
_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"


@dataclass(frozen=True, slots=True)
class Item:
    kind: bytes
    data: bytes
    properties: Sequence[bytes] = ()  # boxes
    references: Mapping[bytes, Sequence[int]] = field(default_factory=dict)
    rest: bytes = b""  # of its entry: name, type and encoding of metadata


def heif(*items: Item, before: bytes = b"", after: bytes = b"") -> bytes:
    """Return a file with these items, numbered from 1. The first one is the picture.

    Args:
        before: Boxes at the beginning of `meta`.
        after: Boxes at its end.
    """
    start = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    meta = _meta(items, 0, before, after)
    return (
        start
        + _meta(items, len(start) + len(meta) + 8, before, after)
        + box(b"mdat", b"".join(item.data for item in items))
    )


def _meta(items: Sequence[Item], place: int, before: bytes, after: bytes) -> bytes:
    entries = associations = references = places = b""
    properties = list(dict.fromkeys(each for item in items for each in item.properties))
    for number, item in enumerate(items, 1):
        rest = struct.pack(">I2H4s", 2 << 24, number, 0, item.kind) + b"\0" + item.rest
        entries += box(b"infe", rest)
        places += struct.pack(">4H2I", number, 0, 0, 1, place, len(item.data))
        place += len(item.data)
        indexes = [properties.index(each) + 1 for each in item.properties]
        associations += struct.pack(f">HB{len(indexes)}H", number, len(indexes), *indexes)
        for name, named in item.references.items():
            body = struct.pack(f">2H{len(named)}H", number, len(named), *named)
            references += box(name, body)
    return box(
        b"meta",
        bytes(4)
        + before
        + box(b"hdlr", bytes(8) + b"pict" + bytes(13))
        + box(b"pitm", bytes(4) + b"\0\1")
        + box(b"iinf", struct.pack(">IH", 0, len(items)) + entries)
        + box(b"iloc", struct.pack(">I2H", 1 << 24, 0x4400, len(items)) + places)
        + box(
            b"iprp",
            box(b"ipco", b"".join(properties))
            + box(b"ipma", struct.pack(">2I", 1, len(items)) + associations),
        )
        + (box(b"iref", bytes(4) + references) if references else b"")
        + after,
    )


@functools.cache
def _coded() -> tuple[bytes, bytes]:
    """Return the configuration and the data of a picture of 64 x 64 px."""
    file = BytesIO(as_heif(Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB")))
    container = Container(file, 10**6)
    [meta] = container.metas
    item = meta.items[meta.primary]
    found = item.property(b"hvcC")
    assert found is not None
    settings = container.body(found, 10**4)
    data, (start, end) = container.data(item)
    data.seek(start)
    return settings, data.read(end - start)


def size(width: int = SIDE, height: int = SIDE) -> bytes:
    return box(b"ispe", struct.pack(">3I", 0, width, height))


def picture(*more: bytes, told: bytes | None = None, **changes: object) -> Item:
    configuration, data = _coded()
    properties = [told or size(), box(b"hvcC", configuration), *more]
    values = {"kind": b"hvc1", "data": data, "properties": properties, **changes}
    return Item(**values)  # type: ignore[arg-type]


def grid(rows: int, columns: int, canvas: tuple[int, int], tiles: Sequence[int]) -> Item:
    data = bytes((0, 1, rows - 1, columns - 1)) + struct.pack(">2I", *canvas)
    return Item(b"grid", data, [size(*canvas)], {b"dimg": tiles})


def parameters(width: int, height: int) -> bytes:
    """Return the unit with the sequence parameters of pictures of this size."""

    def exponential(number: int) -> str:
        return f"{number + 1:b}".zfill(2 * (number + 1).bit_length() - 1)

    numbers = "".join(exponential(number) for number in (0, 1, width, height))
    bits = "0000" + "000" + "1" + "0" * 96 + numbers + "0" + exponential(0) * 2
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    # Bytes that keep it free of start codes.
    body = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\0\0", b"\0\0\3")
    return b"\x42\x01" + body


def configuration(width: int, height: int) -> bytes:
    unit = parameters(width, height)
    return box(b"hvcC", bytes(22) + b"\1\x21" + struct.pack(">2H", 1, len(unit)) + unit)


def _unit(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def harmless() -> bytes:
    """What the other files are made from."""
    return heif(picture())


def harmless_grid() -> bytes:
    return heif(grid(2, 3, (190, 100), [2] * 6), picture())


def harmless_tiles() -> bytes:
    """As many tiles as in a photograph of 200 megapixels."""
    return heif(grid(24, 32, (32 * SIDE, 24 * SIDE), range(2, 770)), *[picture()] * 768)


def told_pixels() -> bytes:
    return heif(picture(told=size(12_000, 12_000)))


def pixels() -> bytes:
    """A box of 64 x 64 px around data of 12,000 x 12,000."""
    return heif(Item(b"hvc1", _coded()[1], [size(), configuration(12_000, 12_000)]))


def pixels_in_data() -> bytes:
    """The same, where the data itself states another size."""
    return heif(picture(data=_unit(parameters(12_000, 12_000)) + _coded()[1]))


def pixels_of_alpha() -> bytes:
    alpha = Item(
        b"hvc1",
        _coded()[1],
        [size(12_000, 12_000), configuration(12_000, 12_000), box(b"auxC", bytes(4) + _ALPHA)],
        {b"auxl": [1]},
    )
    return heif(picture(), alpha)


def pictures_in_one() -> bytes:
    """A hundred thousand pictures in the data of one item, 64 x 64 px each."""
    return heif(picture(data=_coded()[1] * 100_000))


def canvas() -> bytes:
    return heif(grid(1, 1, (12_000, 12_000), [2]), picture())


def tiles() -> bytes:
    """One tile, 65,025 times."""
    return heif(grid(255, 255, (255 * SIDE, 255 * SIDE), [2] * 65_025), picture())


def tiles_outside() -> bytes:
    """A picture of 64 x 64 px of 900 tiles, of which one is seen."""
    return heif(grid(30, 30, (SIDE, SIDE), [2] * 900), picture())


def tiles_of_tiles() -> bytes:
    """Each of 12 grids shows the next one 64 times."""
    grids = [grid(8, 8, (8 * SIDE, 8 * SIDE), [number] * 64) for number in range(2, 14)]
    return heif(*grids, picture())


def overlays() -> bytes:
    """Each of 20 overlays shows the next one twice."""
    place = struct.pack(">2B4H2I4i", 0, 1, 0, 0, 0, 0, SIDE, SIDE, 0, 0, 0, 0)
    items = [Item(b"iovl", place, [size()], {b"dimg": [n, n]}) for n in range(2, 22)]
    return heif(*items, picture())


def copies() -> bytes:
    """Each of 200 items is the next one, turned."""
    items = [
        Item(b"iden", b"", [size(), box(b"irot", b"\1")], {b"dimg": [n]}) for n in range(2, 202)
    ]
    return heif(*items, picture())


def turns() -> bytes:
    return heif(picture(*[box(b"irot", b"\1")] * 200))


def units() -> bytes:
    """10,000,000 empty units of HEVC data."""
    return heif(picture(data=_unit(b"") * 10_000_000))


def units_of_configuration() -> bytes:
    """255 arrays of 65,535 empty units."""
    array = b"\x21\xff\xff" + bytes(2 * 65_535)
    return heif(
        Item(b"hvc1", _coded()[1], [size(), box(b"hvcC", bytes(22) + b"\xff" + array * 255)])
    )


def items() -> bytes:
    return heif(picture(), *[Item(b"hvc1", b"")] * 30_000)


def references() -> bytes:
    return heif(picture(references={b"dimg": [2] * 65_000}), picture())


def properties() -> bytes:
    return heif(picture(), after=box(b"iprp", box(b"ipco", box(b"free", b"") * 1_900_000)))


def places() -> bytes:
    """A picture in 60,000 parts of the file, each of which is all of the file."""
    place = struct.pack(">I6H", 1 << 24, 0x4400, 1, 1, 0, 0, 60_000) + bytes(8) * 60_000
    return _with_places(place)


def _with_places(place: bytes) -> bytes:
    data = heif(picture()).replace(b"iloc", b"free", 1)
    start = data.index(b"meta") - 4
    end = start + int.from_bytes(data[start : start + 4], "big")
    return data[:start] + box(b"meta", data[start + 8 : end] + box(b"iloc", place)) + data[end:]


def places_twice() -> bytes:
    """Two tables of places; which one counts depends on the decoder."""
    place = struct.pack(">I6H2I", 1 << 24, 0x4400, 1, 1, 0, 0, 1, 0, 8)
    return heif(picture(), before=box(b"iloc", place))


def data_in_the_table() -> bytes:
    """The picture is in `idat`, whose size is wrong."""
    place = struct.pack(">I6H2I", 1 << 24, 0x4400, 1, 1, 1, 0, 1, 0, 0xFFFF_FFF0)
    data = _with_places(place)
    return data.replace(b"hdlr", b"idat", 1)


def boxes_in_themselves() -> bytes:
    """Boxes whose size is that of the file, 0 or too small."""
    inner = b"\0\0\0\0moov" + b"\0\0\0\1trak" + bytes(8) + b"\0\0\0\4mdia"
    return heif(picture(), after=inner * 10_000)


def large_exif() -> bytes:
    return heif(picture(), Item(b"Exif", bytes(4) + exif(282), references={b"cdsc": [1]}))


def deflated_xmp() -> bytes:
    """64 MB of zeros in 64 KB, in the encoding that libheif inflates."""
    deflated = zlib.compress(bytes(64 << 20), 9)
    xmp = Item(b"mime", deflated, references={b"cdsc": [1]}, rest=b"application/rdf+xml\0deflate\0")
    return heif(picture(), xmp)


def short_form() -> bytes:
    """Its tables are in `mini`, which only some decoders read."""
    return heif(picture()) + box(b"mini", bytes(40))


def ends_early() -> bytes:
    return heif(picture())[:-1]


def no_picture() -> bytes:
    return heif(Item(b"jpeg", b"\xff\xd8\xff\xd9", [size()]))


def only_brands() -> bytes:
    return box(b"ftyp", b"heic\0\0\0\0mif1heic")
