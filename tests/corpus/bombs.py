"""Small files that need much time or memory, or are not what they claim to be.

`BOMBS` maps a name to a function that returns the file and to the error that must refuse it. TIFF
and BMP are refused by default; their bombs are tried with settings that accept them.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image

from renditions import errors
from renditions.imaging.formats import FORMATS
from renditions.imaging.sources import Limits

from . import heif_bombs, metadata_bombs


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    return data


def _png_header(width: int, height: int, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">2I5B", width, height, 8, colour, 0, 0, 0)


def _zeros(size: int) -> bytes:
    """Return deflated data that inflates to `size` zeros."""
    deflate = zlib.compressobj(1)
    block = bytes(1 << 20)
    data = [deflate.compress(block) for _ in range(size >> 20)]
    return b"".join(data) + deflate.compress(bytes(size & 0xFFFFF)) + deflate.flush()


def png_pixels() -> bytes:
    """20,000 x 17,000 px: more than a gigabyte of pixels."""
    return _png(_png_header(20_000, 17_000), (b"IDAT", _zeros(64 << 20)), (b"IEND", b""))


def png_just_too_many() -> bytes:
    return _png(_png_header(7072, 7072, 0), (b"IDAT", _zeros(7073 * 7072)), (b"IEND", b""))


def png_sliver() -> bytes:
    return _png(_png_header(1, 2_000_000), (b"IDAT", _zeros(8_000_000)), (b"IEND", b""))


def png_longest() -> bytes:
    """The longest side that is allowed, and 1 pixel wide: no side may become 0."""
    return _png(_png_header(1, 16_384), (b"IDAT", _zeros(4 * 16_384)), (b"IEND", b""))


def jpeg_longest() -> bytes:
    file = BytesIO()
    Image.new("RGB", (16_384, 1)).save(file, "JPEG")
    return file.getvalue()


def bmp_pixels() -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "BMP")
    return file.getvalue().replace(struct.pack("<2i", 8, 8), struct.pack("<2i", 30_000, 30_000))


def bmp_runs() -> bytes:
    """16 MB of runs for a row that is full already; each is a pass of a loop in Python."""
    header = struct.pack("<I2i2H6I", 40, 1000, 1000, 1, 8, 1, 0, 0, 0, 256, 0)
    start = b"BM" + struct.pack("<3I", 0, 0, 14 + 40 + 1024)
    return start + header + bytes(1024) + b"\xff\x01" * 8_000_000


def bmp_ends_of_rows() -> bytes:
    """49 megapixels; each is a pass of a loop."""
    header = struct.pack("<I2i2H6I", 40, 7000, 7000, 1, 8, 1, 0, 0, 0, 256, 0)
    start = b"BM" + struct.pack("<3I", 0, 0, 14 + 40 + 1024)
    return start + header + bytes(1024) + b"\1\1\0\0" * 7000


def png_compressed_text() -> bytes:
    text = (b"zTXt", b"Comment\0\0" + _zeros(64 << 20))
    return _png(_png_header(8, 8), text, (b"IDAT", _zeros(25 * 8)), (b"IEND", b""))


def png_many_texts() -> bytes:
    text = (b"zTXt", b"Comment\0\0" + _zeros(1_000_000))
    return _png(_png_header(8, 8), *[text] * 900, (b"IDAT", _zeros(25 * 8)), (b"IEND", b""))


def png_wide_texts() -> bytes:
    """63 texts of a megabyte; in each, one character makes all others four bytes wide."""
    text = zlib.compress(("\U0001f600" + "a" * 1_000_000).encode())
    texts = [(b"iTXt", b"%d\0\1\0\0\0" % number + text) for number in range(63)]
    return _png(_png_header(8, 8), *texts, (b"IDAT", _zeros(25 * 8)), (b"IEND", b""))


def png_many_profiles() -> bytes:
    profiles = _png((b"iCCP", b"icc\0\0" + _zeros(1_000_000)))[8:] * 3000
    pixels = _png((b"IDAT", _zeros(25 * 8)), (b"IEND", b""))[8:]
    return _png(_png_header(8, 8)) + profiles + pixels


def png_long_chunk() -> bytes:
    return _png(_png_header(8, 8)) + b"\xff\xff\xff\xf0eXIfMM\0*"


def png_long_pixels() -> bytes:
    return _png(_png_header(8, 8)) + b"\xff\xff\xff\xf0IDAT" + _zeros(10)


def png_long_late_exif() -> bytes:
    start = _png(_png_header(8, 8), (b"IDAT", _zeros(25 * 8)))
    return start + b"\xff\xff\xff\xf0eXIfMM\0*"


def png_headers() -> bytes:
    return _png() + _png(_png_header(8, 8))[8:] * 3_500_000 + _png((b"IEND", b""))[8:]


def png_no_palette() -> bytes:
    return _png(_png_header(8, 8, 3), (b"IDAT", _zeros(9 * 8)), (b"IEND", b""))


def png_profile() -> bytes:
    profile = (b"iCCP", b"icc\0\0" + _zeros(64 << 20))
    return _png(_png_header(8, 8), profile, (b"IDAT", _zeros(25 * 8)), (b"IEND", b""))


def png_metadata() -> bytes:
    text = (b"tEXt", b"Comment\0" + bytes(17_000_000))
    return _png(_png_header(8, 8), text, (b"IDAT", _zeros(25 * 8)), (b"IEND", b""))


def png_empty_chunks() -> bytes:
    blocks = _png((b"IDAT", b""))[8:] * 2_000_000
    return _png(_png_header(8, 8)) + blocks + _png((b"IEND", b""))[8:]


def webp_pixels() -> bytes:
    """A lossless WebP of 16,383 x 16,383 px, of which 25 bytes are enough to know."""
    sides = struct.pack("<I", 16_382 | 16_382 << 14)
    body = b"\x2f" + sides + bytes(200)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def webp_canvas() -> bytes:
    """A small picture on a canvas of 16,777,216 x 200 px."""
    return _webp_on_canvas(16_777_216, 200)


def webp_long_exif() -> bytes:
    data = _webp_on_canvas(16, 16)
    return data[:4] + b"\xff\xff\xff\xf0" + data[8:] + b"EXIF\xf0\xff\xff\xffMM\0*"


def webp_needs_memory() -> bytes:
    """Within the pixel limit, but libwebp keeps copies of a lossless picture."""
    return _webp_on_canvas(7000, 7000)


def _webp_on_canvas(width: int, height: int) -> bytes:
    file = BytesIO()
    Image.new("RGBA", (16, 16), (1, 2, 3, 4)).save(file, "WEBP", xmp=b"xmp", lossless=True)
    data = bytearray(file.getvalue())
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def avif_pixels() -> bytes:
    """A good picture whose boxes state 12,000 x 12,000 px."""
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "AVIF", speed=10)
    sides = struct.pack(">2I", 64, 64)
    return file.getvalue().replace(
        b"ispe\0\0\0\0" + sides, b"ispe\0\0\0\0" + struct.pack(">2I", 12_000, 12_000)
    )


def avif_picture() -> bytes:
    """Boxes of 64 x 64 px around a picture of 12,000 x 12,000."""
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "AVIF", speed=10)
    return _with_av1_sides(file.getvalue(), 12_000, 12_000)


def avif_animation() -> bytes:
    """The same in the first frame of two."""
    file = BytesIO()
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(file, "AVIF", save_all=True, append_images=frames[1:], duration=9, speed=10)
    return _with_av1_sides(file.getvalue(), 12_000, 12_000)


def _with_av1_sides(avif: bytes, width: int, height: int) -> bytes:
    """Return `avif` with another sequence header, which replaces the first bytes of its pixels."""
    start = avif.rindex(b"mdat") + 4
    old = avif[start : start + 2 + avif[start + 1]]
    # A still picture, 16 bits for each side, no optional parts.
    bits = f"00011{0:05b}{15:04b}{15:04b}{width - 1:016b}{height - 1:016b}{1:015b}".ljust(72, "0")
    new, frame = b"\x0a\x09" + int(bits, 2).to_bytes(9, "big"), start + len(old)
    changed = avif[:start] + new + b"\x30" + avif[frame + 2 :]
    return changed[: len(avif)].ljust(len(avif), b"\0")


def gif_screen() -> bytes:
    """65,535 x 65,535 px, which are cleared after the first frame."""
    control = b"!\xf9\x04\x08\0\0\0\0"
    place = struct.pack("<4H", 0, 0, 65_535, 65_535)
    screen = b"GIF89a" + struct.pack("<2H", 65_535, 65_535) + b"\x80\0\0" + bytes(6)
    return screen + control + b"," + place + b"\0\x02\x02\x44\x01\0;"


def gif_frame() -> bytes:
    """A frame far larger than its screen."""
    place = struct.pack("<4H", 0, 0, 60_000, 1500)
    screen = b"GIF89a" + struct.pack("<2H", 8, 8) + b"\x80\0\0" + bytes(6)
    return screen + b"," + place + b"\0\x02\x02\x44\x01\0;"


def gif_frames() -> bytes:
    """50,000 frames of a megapixel; harmless unless all are kept."""
    screen = b"GIF89a" + struct.pack("<2H", 1000, 1000) + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    frame = b"," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0"
    return screen + frame * 50_000 + b";"


def gif_later_frame() -> bytes:
    """A second frame of 1 pixel, far from the first: Pillow needs a gigabyte for 66 bytes."""
    return _gif_with_pixels_at((0, 0), (12_000, 12_000))


def gif_growing_frames() -> bytes:
    """Each of 3000 frames is 2 px further away than the last: 43 gigapixels."""
    return _gif_with_pixels_at(*((2 * number, 2 * number) for number in range(3000)))


def _gif_with_pixels_at(*places: tuple[int, int]) -> bytes:
    frames = (b"," + struct.pack("<4H", *place, 1, 1) + _GIF_FRAME[9:] for place in places)
    return _GIF_SCREEN + b"".join(frames) + b";"


def gif_small_frames() -> bytes:
    """Each frame costs the time to open a picture."""
    screen = b"GIF89a" + struct.pack("<2H", 1, 1) + b"\x80\0\0" + bytes(6)
    return screen + _GIF_FRAME * 60_000 + b";"


def gif_comments() -> bytes:
    screen = b"GIF89a" + struct.pack("<2H", 8, 8) + b"\x80\0\0" + bytes(6)
    frame = b"," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0;"
    return screen + b"!\xfe" + b"\x01x" * 10_000_000 + b"\0" + frame


def _progressive_parts() -> tuple[bytes, bytes]:
    file = BytesIO()
    Image.effect_noise((2000, 2000), 80).save(file, "JPEG", progressive=True, quality=20)
    data = file.getvalue()
    return data[: data.rindex(b"\xff\xda")], data[data.rindex(b"\xff\xda") : -2]


def jpeg_scans() -> bytes:
    """The last scan 4000 times. Each is a pass over all coefficients."""
    start, scan = _progressive_parts()
    header = scan[: 2 + int.from_bytes(scan[2:4], "big")]
    return start + scan + (header + bytes(16)) * 4000 + b"\xff\xd9"


def jpeg_scans_not_progressive() -> bytes:
    """A baseline picture with one scan for each component, repeated."""
    file = BytesIO()
    Image.new("RGB", (2000, 2000)).save(file, "JPEG")
    data = file.getvalue()
    start = data[: data.index(b"\xff\xda")]
    scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + bytes(64)
    return start + scan * 4000 + b"\xff\xd9"


def jpeg_pixels() -> bytes:
    file = BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    data = bytearray(file.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">2H", 65_000, 65_000)
    return bytes(data)


def jpeg_segments() -> bytes:
    """Ten million empty comments."""
    return b"\xff\xd8" + b"\xff\xfe\0\2" * 10_000_000 + _small_jpeg()[2:]


def jpeg_tables() -> bytes:
    """Five million empty tables."""
    return b"\xff\xd8" + b"\xff\xdb\0\2" * 5_000_000 + _small_jpeg()[2:]


def jpeg_late_tables() -> bytes:
    """The same between two scans of a progressive picture."""
    start, scan = _progressive_parts()
    return start + b"\xff\xdb\0\2" * 5_000_000 + scan + b"\xff\xd9"


def jpeg_markers() -> bytes:
    return b"\xff\xd8\xff\xe0\0\2" + b"\xff\x01" * 10_000_000 + _small_jpeg()[2:]


def jpeg_fill() -> bytes:
    return b"\xff\xd8" + b"\xff" * 20_000_000 + _small_jpeg()[2:]


def jpeg_nothing() -> bytes:
    """Zeros in place of a segment; decoders skip them one by one."""
    return b"\xff\xd8\xff\xe0\0\2" + bytes(20_000_000) + _small_jpeg()[2:]


def gif_nothing() -> bytes:
    return _GIF_SCREEN + bytes(20_000_000) + _GIF_FRAME + b";"


def gif_nothing_between() -> bytes:
    return _GIF_SCREEN + _GIF_FRAME + bytes(20_000_000) + _GIF_FRAME + b";"


def gif_extensions() -> bytes:
    return _GIF_SCREEN + _GIF_FRAME + b"!\xf9\0" * 7_000_000 + _GIF_FRAME + b";"


_GIF_SCREEN = b"GIF89a" + struct.pack("<2H", 8, 8) + b"\x80\0\0" + bytes(6)
_GIF_FRAME = b"," + struct.pack("<4H", 0, 0, 1, 1) + b"\0\x02\x02\x44\x01\0"


def jpeg_metadata() -> bytes:
    segment = b"\xff\xe1\xff\xff" + bytes(65_533)
    return b"\xff\xd8" + segment * 300 + _small_jpeg()[2:]


def _small_jpeg() -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 8), (9, 99, 199)).save(file, "JPEG")
    return file.getvalue()


def tiff_pages() -> bytes:
    """One page whose next page is itself."""
    entries = b""
    for tag, kind, value in [
        (256, 3, 8),
        (257, 3, 8),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 200),
        (277, 3, 1),
        (278, 3, 8),
        (279, 4, 64),
    ]:
        entries += struct.pack("<2HII", tag, kind, 1, value)
    page = struct.pack("<H", 9) + entries + struct.pack("<I", 8)
    return (b"II*\0" + struct.pack("<I", 8) + page).ljust(200, b"\0") + bytes(64)


def eps_named_jpg() -> bytes:
    """An endless PostScript program, for which Pillow would start Ghostscript."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n%%EOF\n"


def svg_named_png() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'


def polyglot_page() -> bytes:
    return b"<html><script>alert(1)</script>" + _small_jpeg()


def polyglot_zip() -> bytes:
    return b"PK\3\4" + bytes(26) + _small_jpeg()


def polyglot_pdf() -> bytes:
    return b"%PDF-1.4\n" + _small_jpeg()


def bigger_file() -> bytes:
    return _small_jpeg() + bytes(100_000_001)


def nothing() -> bytes:
    return b""


ALL_FORMATS = Limits(formats=tuple(row.name for row in FORMATS))


@dataclass(frozen=True, slots=True)
class Bomb:
    """A file, and the error that must refuse it."""

    make: Callable[[], bytes]
    error: type[errors.PermanentError] | None  # None: it must be rendered
    limits: Limits = field(default_factory=Limits)


BOMBS = {
    "png, 340 megapixels": Bomb(png_pixels, errors.SideTooLong),
    "png, just above 50 megapixels": Bomb(png_just_too_many, errors.TooManyPixels),
    "png, 1 x 2,000,000": Bomb(png_sliver, errors.SideTooLong),
    "png, 1 x 16,384": Bomb(png_longest, None),
    "jpeg, 16,384 x 1": Bomb(jpeg_longest, None),
    "bmp, 900 megapixels": Bomb(bmp_pixels, errors.TooManyPixels, ALL_FORMATS),
    "bmp, 8,000,000 runs": Bomb(bmp_runs, errors.MetadataTooLarge, ALL_FORMATS),
    "bmp, 49 megapixels of runs": Bomb(bmp_ends_of_rows, errors.MetadataTooLarge, ALL_FORMATS),
    "png, zTXt of 64 MB": Bomb(png_compressed_text, errors.SourceUnreadable),
    "png, 900 zTXt of 1 MB": Bomb(png_many_texts, errors.MetadataTooLarge),
    "png, 63 iTXt of a wide letter": Bomb(png_wide_texts, errors.MetadataTooLarge),
    "png, 3000 iCCP of 1 MB": Bomb(png_many_profiles, errors.MetadataTooLarge),
    "png, a chunk of 4 GB": Bomb(png_long_chunk, errors.SourceIncomplete),
    "png, pixels of 4 GB": Bomb(png_long_pixels, errors.SourceIncomplete),
    "png, EXIF of 4 GB after its pixels": Bomb(png_long_late_exif, errors.SourceIncomplete),
    "png, 3,500,000 headers": Bomb(png_headers, errors.MetadataTooLarge),
    "png, no palette": Bomb(png_no_palette, errors.SourceUnreadable),
    "png, iCCP of 64 MB": Bomb(png_profile, errors.SourceUnreadable),
    "png, 17 MB of text": Bomb(png_metadata, errors.MetadataTooLarge),
    "png, 2,000,000 empty chunks": Bomb(png_empty_chunks, errors.MetadataTooLarge),
    "webp, 268 megapixels": Bomb(webp_pixels, errors.TooManyPixels),
    "webp, EXIF of 4 GB": Bomb(webp_long_exif, errors.SourceUnreadable),
    "webp, a huge canvas": Bomb(webp_canvas, errors.SideTooLong),
    "webp, copies of 49 megapixels": Bomb(webp_needs_memory, errors.DecodeTooLarge),
    "avif, 144 megapixels": Bomb(avif_pixels, errors.TooManyPixels),
    "avif, 144 megapixels inside": Bomb(avif_picture, errors.TooManyPixels),
    "avif, 144 megapixels, animated": Bomb(avif_animation, errors.TooManyPixels),
    "gif, a huge screen": Bomb(gif_screen, errors.SideTooLong),
    "gif, a huge frame": Bomb(gif_frame, errors.SideTooLong),
    "gif, 50,000 frames, all kept": Bomb(gif_frames, errors.TooManyFramePixels),
    "gif, a far frame, all kept": Bomb(gif_later_frame, errors.TooManyPixels),
    "gif, ever further frames, all kept": Bomb(gif_growing_frames, errors.TooManyFramePixels),
    "gif, 60,000 small frames, all kept": Bomb(gif_small_frames, errors.RenditionTooLarge),
    "gif, 10,000,000 short comments": Bomb(gif_comments, errors.MetadataTooLarge),
    "jpeg, 4000 progressive scans": Bomb(jpeg_scans, errors.TooManyScans),
    "jpeg, 4000 baseline scans": Bomb(jpeg_scans_not_progressive, errors.TooManyScans),
    "jpeg, 65,000 x 65,000": Bomb(jpeg_pixels, errors.SideTooLong),
    "jpeg, 10,000,000 comments": Bomb(jpeg_segments, errors.MetadataTooLarge),
    "jpeg, 5,000,000 tables": Bomb(jpeg_tables, errors.MetadataTooLarge),
    "jpeg, 5,000,000 late tables": Bomb(jpeg_late_tables, errors.MetadataTooLarge),
    "jpeg, 10,000,000 markers": Bomb(jpeg_markers, errors.MetadataTooLarge),
    "jpeg, 20 MB of fill bytes": Bomb(jpeg_fill, errors.MetadataTooLarge),
    "jpeg, 20 MB of zeros": Bomb(jpeg_nothing, errors.MetadataTooLarge),
    "gif, 20 MB of zeros": Bomb(gif_nothing, errors.MetadataTooLarge),
    "gif, zeros between all frames kept": Bomb(gif_nothing_between, errors.TooManyFramePixels),
    "gif, blocks between all frames kept": Bomb(gif_extensions, errors.TooManyFramePixels),
    "jpeg, 20 MB of EXIF": Bomb(jpeg_metadata, errors.MetadataTooLarge),
    "tiff, an endless chain of pages": Bomb(tiff_pages, errors.FormatRefused),
    "tiff, the same where accepted": Bomb(tiff_pages, None, ALL_FORMATS),
    "eps, named .jpg": Bomb(eps_named_jpg, errors.FormatRefused),
    "svg, named .png": Bomb(svg_named_png, errors.FormatRefused),
    "polyglot, page and jpeg": Bomb(polyglot_page, errors.FormatRefused),
    "polyglot, zip and jpeg": Bomb(polyglot_zip, errors.FormatRefused),
    "polyglot, pdf and jpeg": Bomb(polyglot_pdf, errors.FormatRefused),
    "jpeg, with 100 MB after it": Bomb(bigger_file, errors.FileTooLarge),
    "empty file": Bomb(nothing, errors.FormatRefused),
}


def _of_metadata(
    make: Callable[[], bytes], error: type[errors.PermanentError] | None = errors.MetadataTooLarge
) -> Bomb:
    return Bomb(make, error, ALL_FORMATS)


BOMBS |= {
    "tiff, 12,000,000 strips": _of_metadata(metadata_bombs.tiff_strips),
    "tiff, 10,000,000 fractions": _of_metadata(metadata_bombs.tiff_fractions),
    "tiff, 20,000,000 orientations": _of_metadata(metadata_bombs.tiff_orientations),
    "tiff, 65,535 entries": _of_metadata(metadata_bombs.tiff_entries),
    "tiff, 90 MB of XMP": _of_metadata(metadata_bombs.tiff_xmp),
    "tiff, a tile of 1,074 megapixels": _of_metadata(metadata_bombs.tiff_tile, errors.SideTooLong),
    "tiff, 340 megapixels": _of_metadata(metadata_bombs.tiff_pixels, errors.SideTooLong),
    "jpeg, EXIF of 2,000,000 fractions": _of_metadata(metadata_bombs.jpeg_exif),
    "png, EXIF of 2,000,000 fractions": _of_metadata(metadata_bombs.png_exif),
    "png, EXIF after its pixels": _of_metadata(metadata_bombs.png_late_exif),
    "png, EXIF as text": _of_metadata(metadata_bombs.png_exif_as_text),
    "png, profile of 20,000 elements": _of_metadata(metadata_bombs.png_profile_elements, None),
    "png, profile with no table": _of_metadata(metadata_bombs.png_profile_table, None),
    "webp, EXIF of 2,000,000 fractions": _of_metadata(metadata_bombs.webp_exif),
    "webp, 200,000 frames": _of_metadata(metadata_bombs.webp_frames),
    "avif, EXIF of 2,000,000 fractions": _of_metadata(metadata_bombs.avif_exif),
    "avif, 90 MB of EXIF": _of_metadata(metadata_bombs.avif_large_exif),
    "avif, 90 MB of XMP": _of_metadata(metadata_bombs.avif_xmp),
    "avif, 65,000 references": _of_metadata(metadata_bombs.avif_references),
    "avif, 30,000 items": _of_metadata(metadata_bombs.avif_items),
    "avif, 1,900,000 properties": _of_metadata(metadata_bombs.avif_properties),
    "avif, 10,000,000 units": _of_metadata(metadata_bombs.avif_units),
    "avif, 2,500,000 frames": _of_metadata(metadata_bombs.avif_frames),
}

BOMBS |= {
    "heif, nothing wrong": Bomb(heif_bombs.harmless, None),
    "heif, a grid": Bomb(heif_bombs.harmless_grid, None),
    "heif, 768 tiles": Bomb(heif_bombs.harmless_tiles, None),
    "heif, 144 megapixels": Bomb(heif_bombs.told_pixels, errors.TooManyPixels),
    "heif, 144 megapixels inside": Bomb(heif_bombs.pixels, errors.SourceUnreadable),
    "heif, 144 megapixels in the data": Bomb(heif_bombs.pixels_in_data, errors.SourceUnreadable),
    "heif, 144 megapixels of alpha": Bomb(heif_bombs.pixels_of_alpha, errors.TooManyPixels),
    "heif, 144 megapixels in a grid": Bomb(heif_bombs.canvas, errors.TooManyPixels),
    "heif, 100,000 pictures in one": Bomb(heif_bombs.pictures_in_one, errors.SourceUnreadable),
    "heif, 65,025 tiles": Bomb(heif_bombs.tiles, errors.MetadataTooLarge),
    "heif, 899 tiles outside": Bomb(heif_bombs.tiles_outside, errors.SourceUnreadable),
    "heif, grids in grids": Bomb(heif_bombs.tiles_of_tiles, errors.SourceUnreadable),
    "heif, overlays of overlays": Bomb(heif_bombs.overlays, errors.SourceUnreadable),
    "heif, copies of copies": Bomb(heif_bombs.copies, errors.SourceUnreadable),
    "heif, turned 200 times": Bomb(heif_bombs.turns, errors.SourceUnreadable),
    "heif, 10,000,000 units": Bomb(heif_bombs.units, errors.MetadataTooLarge),
    "heif, 16,000,000 units of settings": Bomb(
        heif_bombs.units_of_configuration, errors.MetadataTooLarge
    ),
    "heif, 30,000 items": Bomb(heif_bombs.items, errors.MetadataTooLarge),
    "heif, 65,000 references": Bomb(heif_bombs.references, errors.MetadataTooLarge),
    "heif, 1,900,000 properties": Bomb(heif_bombs.properties, errors.MetadataTooLarge),
    "heif, data in 60,000 places": Bomb(heif_bombs.places, errors.MetadataTooLarge),
    "heif, two tables of places": Bomb(heif_bombs.places_twice, errors.SourceUnreadable),
    "heif, data in its tables": Bomb(heif_bombs.data_in_the_table, errors.SourceIncomplete),
    "heif, boxes without an end": Bomb(heif_bombs.boxes_in_themselves, errors.SourceUnreadable),
    "heif, EXIF of 2,000,000 fractions": Bomb(heif_bombs.large_exif, errors.MetadataTooLarge),
    "heif, 64 MB of deflated XMP": Bomb(heif_bombs.deflated_xmp, errors.SourceUnreadable),
    "heif, tables in the short form": Bomb(heif_bombs.short_form, errors.SourceUnreadable),
    "heif, the last byte is missing": Bomb(heif_bombs.ends_early, errors.SourceIncomplete),
    "heif, a JPEG inside": Bomb(heif_bombs.no_picture, errors.SourceUnreadable),
    "heif, only its brands": Bomb(heif_bombs.only_brands, errors.SourceUnreadable),
}
