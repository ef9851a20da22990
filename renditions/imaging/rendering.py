"""From an original to its renditions: opened once, decoded once, then cut, turned and written.

open safely -> decode no larger than needed -> plain modes -> per rendition: cut and resample
-> upright -> sRGB -> filter -> file
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any, BinaryIO, Self

from PIL import Image

from renditions.errors import OutOfMemory, RenderFailed, RenditionTooLarge

from .animation import Animation, frame_bytes, read_animation
from .colour import to_srgb, usable_profile
from .encoding import encode, encode_frames
from .filters import AnyFilter, FileFilter, Filter
from .formats import FORMATS, Encoding, Format, format_named
from .full_size import FullSizePicture, upright_for_files
from .geometry import CENTRE, Box, FocalPoint, Size
from .headers.icc import read_profile
from .modes import GREYS, scale_transparency, to_working_mode, unpremultiply
from .orientation import make_upright, stored_box
from .pyramid import Pyramid, StoredCut
from .sizers import AnySizer, Cut, FileSizer, Sizer
from .sources import (
    Limits,
    Source,
    SourceInfo,
    decode,
    open_source,
    probe,
    reading_pixels,
)

# A JPEG is decoded to at least this many times what its largest rendition needs.
DECODE_GAP = 1.0

_MAX_FRAMES = 5000  # of a moving rendition; however small one is, it takes half a millisecond
# A larger picture is decoded again for each file sizer or filter. They may change their copy, so
# two of it would be in memory.
_MAX_KEPT_PIXELS = 20_000_000

_ALL_FORMATS = tuple(row.name for row in FORMATS)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make of a picture."""

    sizer: AnySizer | None = None  # None: the size stays
    size: Size | None = None  # given exactly where `sizer` is
    ppoi: FocalPoint = CENTRE
    filter: AnyFilter | None = None
    format: str | None = None  # a name in the table of formats; None: the original's own
    encoding: Encoding = field(default_factory=Encoding)

    @property
    def shares_decode(self) -> bool:
        """Whether it can be cut from the picture that other recipes are cut from."""
        return all(part.shares_decode for part in (self.sizer, self.filter) if part)

    def bind(self, name: str, storage: Any) -> Self:
        """Return the recipe for the original `name` on `storage`."""
        return replace(
            self,
            sizer=self.sizer and self.sizer.bind(name, storage),
            filter=self.filter and self.filter.bind(name, storage),
        )

    def cut(self, source: Size) -> Cut:
        """Return what to take from the upright `source`, of a recipe that shares the decode."""
        if not isinstance(self.sizer, Sizer) or self.size is None:
            return Cut(Box.of(source), source)
        return self.sizer.cut(source, self.size, self.ppoi)

    def size_of(self, source: Size) -> Size | None:
        """Return the size of the rendition; None where only its file tells."""
        return self.cut(source).size if self.shares_decode else None


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """A finished rendition."""

    data: bytes = field(repr=False)
    mime: str
    size: Size


@contextmanager
def open_picture(file: BinaryIO, recipes: Sequence[Recipe], limits: Limits) -> Iterator["Picture"]:
    """Decode the picture in `file` once, no larger than `recipes` need.

    Raises:
        SourceUnreadable, SourceRefused: and their subclasses, before anything is rendered.
        OutOfMemory, StorageFailed: trying again may help.
    """
    picture = Picture(file, recipes, limits)
    try:
        yield picture
    finally:
        picture.close()


class Picture:
    """A decoded picture that renditions are cut from."""

    def __init__(self, file: BinaryIO, recipes: Sequence[Recipe], limits: Limits) -> None:
        source = open_source(file, limits)
        self.info: SourceInfo = source.info
        self._limits = limits
        self.decoded_size = self.info.stored_size
        self._profile = read_profile(self.info.icc_profile)
        self._animation: Animation | None = None
        self._full_size: FullSizePicture | None = None
        self._pyramid: Pyramid | None = None
        if any(recipe.encoding.animation == "keep" for recipe in recipes):
            self._animation = read_animation(source, limits)
        cuts = [self._stored(cut) for cut in _possible_cuts(recipes, self.info.size)]
        full_size = any(not recipe.shares_decode for recipe in recipes)
        if full_size and self.info.size.pixels > _MAX_KEPT_PIXELS:
            self._full_size = FullSizePicture(lambda: _decode_again(file, limits), self.info)
        if cuts or self._full_size is None:
            in_srgb = all(recipe.encoding.color == "srgb" for recipe in recipes)
            self._decode(
                source, cuts, in_srgb=in_srgb, keep_full_size=full_size and self._full_size is None
            )

    def _decode(
        self, source: Source, cuts: Sequence[StoredCut], *, in_srgb: bool, keep_full_size: bool
    ) -> None:
        if self._animation:
            image, scale = self._animation.first, 1.0
        else:
            least = None if keep_full_size else _least_size(self.info.stored_size, cuts)
            scale_transparency(source.image)
            image, scale = decode(source, self._limits, least)
        self.decoded_size = Size(*image.size)
        with reading_pixels():
            if keep_full_size:
                kept = upright_for_files(image.copy(), self.info)
                self._full_size = FullSizePicture(kept.copy, self.info)
            pixels = to_working_mode(image)
            if in_srgb and _cheaper_at_once(pixels, cuts):
                pixels, self._profile = to_srgb(pixels, self._profile), None
        self._pyramid = Pyramid(pixels, scale, self.info.stored_size, cuts)

    def close(self) -> None:
        """Let go of the pixels."""
        self._pyramid = self._full_size = self._animation = None

    def render(self, recipe: Recipe) -> RenderedImage:
        """Return the rendition that `recipe` asks for; the picture stays as it was.

        Raises:
            RenderFailed: and its subclasses.
            OutOfMemory: trying again may help.
        """
        row = format_named(recipe.format or self.info.format)
        with rendering():
            if not recipe.shares_decode:
                return self._render_file(recipe, row)
            cut = recipe.cut(self.info.size)
            self._check(cut)
            if self._animation and row.animated and recipe.encoding.animation == "keep":
                return self._render_frames(recipe, cut, row, self._animation)
            if self._pyramid is None:
                raise RenderFailed("The picture was opened without any recipe that shares it.")
            image = unpremultiply(
                self._pyramid.cut(self._stored(cut)), grey=self.info.mode in GREYS
            )
            profile = self._kept_profile(image.mode, recipe, row)
            image = self._finished(image, recipe, keep_profile=profile is not None)
            data = encode(image, row, recipe.encoding, profile=profile)
            return RenderedImage(data, row.mime, Size(*image.size))

    def _finished(self, image: Image.Image, recipe: Recipe, *, keep_profile: bool) -> Image.Image:
        """Return what was cut and shrunk upright, in its colours and filtered."""
        image = make_upright(image, self.info.orientation)
        if not keep_profile:
            image = to_srgb(image, self._profile)
        if isinstance(recipe.filter, Filter):
            image = recipe.filter.apply(image.copy())
        return image

    def _kept_profile(self, mode: str, recipe: Recipe, row: Format) -> bytes | None:
        """Return the profile if the file can say that its numbers are in it, and they stay so."""
        kept = recipe.encoding.color == "keep" and recipe.filter is None
        if kept and row.profiles and mode in row.modes:
            return usable_profile(mode, self._profile)
        return None

    def _render_frames(
        self, recipe: Recipe, cut: Cut, row: Format, animation: Animation
    ) -> RenderedImage:
        self._check_frames(cut, row, animation)
        stored = self._stored(cut)
        profile = self._kept_profile(animation.mode, recipe, row)

        def rendered(frame: Image.Image) -> Image.Image:
            frame = Pyramid(to_working_mode(frame), 1, self.info.stored_size, ()).cut(stored)
            frame = unpremultiply(frame, grey=animation.mode in GREYS)
            frame = self._finished(frame, recipe, keep_profile=profile is not None)
            return frame if frame.mode == animation.mode else frame.convert(animation.mode)

        data = encode_frames(
            lambda: map(rendered, animation.frames()),
            row,
            recipe.encoding,
            animation.timing_for(row),
            transparent=animation.transparent,
            profile=profile,
        )
        return RenderedImage(data, row.mime, cut.size)

    def _stored(self, cut: Cut) -> StoredCut:
        orientation = self.info.orientation
        box = stored_box(cut.box, self.info.stored_size, orientation)
        return StoredCut(box, cut.size.swapped if orientation.swaps_sides else cut.size)

    def _check(self, cut: Cut) -> None:
        longest, pixels = max(cut.size.as_tuple), cut.size.pixels
        if longest > self._limits.max_side or pixels > self._limits.max_pixels:
            raise RenditionTooLarge(
                f"A rendition of {cut.size} is above the limit of {self._limits.max_side:,} px a "
                f"side and {self._limits.max_pixels:,} pixels."
            )

    def _check_frames(self, cut: Cut, row: Format, animation: Animation) -> None:
        limits, frames, pixels = self._limits, len(animation.durations_ms), cut.size.pixels
        needed = frame_bytes(self.info.size) + pixels * row.frame_bytes_per_pixel
        if (
            frames > _MAX_FRAMES
            or frames * pixels > limits.max_frame_pixels
            or needed > limits.max_decode_bytes
        ):
            raise RenditionTooLarge(
                f"A moving rendition of {frames:,} times {cut.size} is above the limit of "
                f"{_MAX_FRAMES:,} frames, of {limits.max_frame_pixels:,} pixels together or of "
                f"{limits.max_decode_bytes:,} bytes of memory."
            )

    def _render_file(self, recipe: Recipe, row: Format) -> RenderedImage:
        """Let a sizer or filter make its file, and do what the recipe asks for besides."""
        if self._full_size is None:
            raise RenderFailed("The picture was opened without the recipe that needs all of it.")
        if isinstance(recipe.filter, FileFilter):
            data = self._full_size.filtered(recipe.filter, row, recipe.encoding)
            if recipe.sizer is None:
                return self._rendered(data)
            rest = replace(recipe, filter=None)
            limits = replace(self._limits, formats=_ALL_FORMATS)
            with open_picture(BytesIO(data), [rest], limits) as filtered:
                return filtered.render(rest)
        assert isinstance(recipe.sizer, FileSizer)
        before = recipe.filter if isinstance(recipe.filter, Filter) else None
        assert recipe.size is not None
        return self._rendered(
            self._full_size.sized(
                recipe.sizer, recipe.size, recipe.ppoi, before, row, recipe.encoding
            )
        )

    def _rendered(self, data: bytes) -> RenderedImage:
        info = probe(BytesIO(data), replace(self._limits, formats=_ALL_FORMATS))
        return RenderedImage(data, format_named(info.format).mime, info.size)


def _decode_again(file: BinaryIO, limits: Limits) -> Image.Image:
    source = open_source(file, limits)
    return upright_for_files(decode(source, limits).image, source.info)


def _possible_cuts(recipes: Sequence[Recipe], source: Size) -> Iterator[Cut]:
    """Yield the cuts that share the decode; an impossible one is reported when it is rendered."""
    for recipe in recipes:
        with suppress(Exception):
            if recipe.shares_decode:
                yield recipe.cut(source)


def _cheaper_at_once(pixels: Image.Image, cuts: Sequence[StoredCut]) -> bool:
    """Whether colour is better applied to the decoded picture than to each rendition of it."""
    wanted = sum(cut.size.pixels for cut in cuts)
    return pixels.mode in ("L", "RGB") and pixels.width * pixels.height <= wanted


def _least_size(stored: Size, cuts: Sequence[StoredCut]) -> Size:
    """Return the smallest size to decode to from which all of `cuts` come out well."""
    scale = min(max((cut.scale for cut in cuts), default=0) * DECODE_GAP, 1)
    return Size(int(stored.width * scale) or 1, int(stored.height * scale) or 1)


@contextmanager
def rendering() -> Iterator[None]:
    """Turn what Pillow raises for a picture or a size that it can't handle into our errors."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory("There was not enough memory for the rendition.") from error
    except (OSError, ValueError, ArithmeticError, LookupError) as error:
        raise RenderFailed(f"The rendition could not be made: {error}") from error
