"""Small pictures whose metadata needs much memory: EXIF, TIFF directories, boxes of an AVIF."""

import struct
import zlib
from io import BytesIO

from PIL import Image

Entry = tuple[int, int, int, int | bytes]  # tag, type, number of values, the value or its data

_BYTE, _SHORT, _LONG, _FRACTION, _ANY = 1, 3, 4, 5, 7
_ORIENTATION, _RESOLUTION, _STRIP_OFFSETS, _XMP = 274, 282, 273, 700
_GREY_8X8: list[Entry] = [
    (256, _LONG, 1, 8),
    (257, _LONG, 1, 8),
    (258, _SHORT, 1, 8),
    (259, _SHORT, 1, 1),
    (262, _SHORT, 1, 1),
    (273, _LONG, 1, 8),
    (277, _SHORT, 1, 1),
    (278, _LONG, 1, 8),
    (279, _LONG, 1, 64),
]


def directory(entries: list[Entry]) -> bytes:
    """Return a TIFF structure with one directory. EXIF has this structure, too."""
    place, data = 8 + 2 + 12 * len(entries) + 4, bytearray()
    table = bytearray(b"II*\0" + struct.pack("<IH", 8, len(entries)))
    for tag, kind, count, value in sorted(entries, key=lambda entry: entry[0]):
        if isinstance(value, bytes):
            table += struct.pack("<2HII", tag, kind, count, place + len(data))
            data += value
        else:
            table += struct.pack("<2HII", tag, kind, count, value)
    return bytes(table + bytes(4) + data)


def fractions(tag: int, size: int) -> Entry:
    count = size // 8
    return tag, _FRACTION, count, b"\1\0\0\0\1\0\0\0" * count


def tiff(*entries: Entry) -> bytes:
    """Return a TIFF of 8 x 8 px; `entries` are added, or replace its own."""
    kept = [entry for entry in _GREY_8X8 if entry[0] not in {entry[0] for entry in entries}]
    return directory([*kept, *entries])


def tiff_strips() -> bytes:
    return tiff((_STRIP_OFFSETS, _LONG, 12_000_000, bytes(48_000_000)))


def tiff_fractions() -> bytes:
    return tiff(fractions(_RESOLUTION, 80_000_000))


def tiff_orientations() -> bytes:
    return tiff((_ORIENTATION, _LONG, 20_000_000, bytes(80_000_000)))


def tiff_xmp() -> bytes:
    return tiff((_XMP, _BYTE, 90_000_000, bytes(90_000_000)))


def tiff_entries() -> bytes:
    return directory([(i, _SHORT, 1, 1) for i in range(65_535)])


def tiff_pixels() -> bytes:
    return tiff((256, _LONG, 1, 20_000), (257, _LONG, 1, 17_000))


def tiff_tile() -> bytes:
    """A picture of 8 x 8 px in a deflated tile of 32,768 x 32,768."""
    tile = zlib.compress(bytes(1 << 20), 9)
    return tiff(
        (259, _SHORT, 1, 8),
        (_STRIP_OFFSETS, _LONG, 1, 0),
        (322, _LONG, 1, 32_768),
        (323, _LONG, 1, 32_768),
        (324, _LONG, 1, 8),
        (325, _LONG, 1, len(tile)),
    )


def exif(tag: int = _ORIENTATION, size: int = 15_800_000) -> bytes:
    """Return EXIF that is within the limit as stored, and takes 400 MB when it is read."""
    return directory([fractions(tag, size)])


def jpeg_exif() -> bytes:
    """EXIF in 244 segments, which Pillow joins."""
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    data, whole = b"\xff\xd8", exif()
    for i in range(0, len(whole), 65_000):
        part = b"Exif\0\0" + whole[i : i + 65_000]
        data += b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part
    return data + file.getvalue()[2:]


def png_exif() -> bytes:
    return png((b"eXIf", exif()), _PNG_PIXELS)


def png_late_exif() -> bytes:
    return png(_PNG_PIXELS, (b"eXIf", exif()))


def png_profile_elements() -> bytes:
    """A colour profile of 700 bytes with 20,000 processing elements, of which two are different."""
    numbers = struct.pack(">12f", 1, 0.001, 0, 0, 1, 0.001, 0.001, 0, 1, 0, 0, 0)
    matrix = b"matf" + bytes(4) + struct.pack(">2H", 3, 3) + numbers
    curve = b"curf" + bytes(4) + struct.pack(">2H", 1, 0)
    curve += b"parf" + bytes(8) + struct.pack(">4f", 1.01, 1, 0, 0)
    curves = b"cvst" + bytes(4) + struct.pack(">2H", 3, 3)
    curves += struct.pack(">2I", 36, len(curve)) * 3 + curve
    first = 16 + 8 * 20_000
    places = struct.pack(">4I", first, len(matrix), first + len(matrix), len(curves))
    element = b"mpet" + bytes(4) + struct.pack(">2HI", 3, 3, 20_000)
    return _png_with_profile({b"D2B0": element + places * 10_000 + matrix + curves})


def png_profile_table() -> bytes:
    """A colour profile that states a table of 255 points a side, and has no table."""
    start = b"mft2" + bytes(4) + bytes((3, 3, 255, 0)) + bytes(36) + struct.pack(">2H", 2, 2)
    return _png_with_profile({b"A2B0": start + bytes(24)})


def _png_with_profile(tags: dict[bytes, bytes]) -> bytes:
    white = struct.pack(">3I", 63_190, 65_536, 54_061)
    place, table, body = 132 + 12 * (len(tags) + 1), b"", b""
    for name, element in {b"wtpt": b"XYZ " + bytes(4) + white, **tags}.items():
        table += name + struct.pack(">2I", place + len(body), len(element))
        body += element
    header = struct.pack(">I4sI", place + len(body), b"lcms", 0x04300000) + b"mntrRGB Lab "
    header += bytes(12) + b"acsp" + bytes(28) + white + bytes(48)
    profile = header + struct.pack(">I", len(tags) + 1) + table + body
    return png((b"iCCP", b"icc\0\0" + zlib.compress(profile)), _PNG_PIXELS)


def png_exif_as_text() -> bytes:
    """EXIF in hexadecimal, as ImageMagick writes it."""
    digits = exif(size=7_800_000).hex().encode()
    return png((b"tEXt", b"Raw profile type exif\0\nexif\n7800026\n" + digits), _PNG_PIXELS)


_PNG_PIXELS = (b"IDAT", zlib.compress(bytes(25 * 8)))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of 8 x 8 px with these chunks."""
    header = (b"IHDR", struct.pack(">2I5B", 8, 8, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in (header, *chunks, (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    return data


def webp_exif() -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "WEBP", exif=exif())
    return file.getvalue()


def webp_frames() -> bytes:
    """The same frame 200,000 times."""
    file = BytesIO()
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], duration=9)
    data = file.getvalue()
    start = data.index(b"ANMF")
    end = start + 8 + int.from_bytes(data[start + 4 : start + 8], "little")
    body = b"WEBP" + data[12:start] + data[start:end] * 200_000
    return b"RIFF" + struct.pack("<I", len(body)) + body


def avif_exif() -> bytes:
    """With a tag that Pillow does not read when it writes the file."""
    return _avif(exif=b"Exif\0\0" + exif(_RESOLUTION))


def avif_large_exif() -> bytes:
    return _avif(exif=b"Exif\0\0" + directory([(1000, _ANY, 90_000_000, bytes(90_000_000))]))


def avif_xmp() -> bytes:
    return _avif(xmp=bytes(90_000_000))


def avif_references() -> bytes:
    """An item that refers to 65,000 others, in 130 KB."""
    names = struct.pack(">2H", 1, 65_000) + struct.pack(">65000H", *range(2, 65_002))
    return _with_box(_avif(), box(b"iref", bytes(4) + box(b"dimg", names)))


def avif_items() -> bytes:
    """30,000 items without properties or data."""
    items = b"".join(
        box(b"infe", struct.pack(">I2H4sB", 2 << 24, item, 0, b"av01", 0))
        for item in range(1, 30_001)
    )
    return _with_box(_avif(), box(b"iinf", struct.pack(">2I", 1 << 24, 30_000) + items))


def avif_properties() -> bytes:
    properties = box(b"ipco", box(b"free", b"") * 1_900_000)
    return _with_box(_avif(), box(b"iprp", properties))


def avif_frames() -> bytes:
    """2,500,000 frames of one byte each."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = bytearray(_avif(frames[0], save_all=True, append_images=frames[1:], duration=9))
    end, count = len(data), struct.pack(">I", 2_500_000)
    for name, at, value in (
        (b"stsz", 8, struct.pack(">I", 1) + count),
        (b"stsc", 16, count),
        (b"stts", 12, count),
        (b"stco", 12, struct.pack(">I", end + 8)),
    ):
        start = data.index(name) + at
        data[start : start + len(value)] = value
    return bytes(data) + box(b"mdat", bytes(2_500_000))


def avif_units() -> bytes:
    """A picture of 10,000,000 empty units of AV1 data."""
    units = b"\x7a\0" * 10_000_000
    # Offsets and lengths of four bytes; one item in one extent of this file.
    place = struct.pack(">I6H", 1 << 24, 0x4400, 1, 1, 0, 0, 1)
    short = _with_box(_avif(), box(b"iloc", place + bytes(8)))
    place += struct.pack(">2I", len(short) + 8, len(units))
    return _with_box(short, box(b"iloc", place)) + box(b"mdat", units)


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + name + body


def _with_box(avif: bytes, new: bytes) -> bytes:
    """Return `avif` with the box `new` in place of the box of this name in its `meta` box."""
    start = avif.index(b"meta") - 4
    end = start + int.from_bytes(avif[start : start + 4], "big")
    place, body = start + 12, b""
    while place < end:
        size = int.from_bytes(avif[place : place + 4], "big")
        body += avif[place : place + size] * (avif[place + 4 : place + 8] != new[4:8])
        place += size
    return avif[:start] + box(b"meta", bytes(4) + body + new) + avif[end:]


def _avif(image: Image.Image | None = None, **options: object) -> bytes:
    file = BytesIO()
    (image or Image.new("RGB", (16, 16))).save(file, "AVIF", speed=10, **options)
    return file.getvalue()
