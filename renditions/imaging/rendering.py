"""From an original to its renditions.

Once for each original, in `open_picture`: open the file safely, decode it no larger than needed,
bring the pixels to a working mode, convert all colours at once where that is cheaper.

For each rendition, in `OpenPicture.render`: check the limits, take the steps of the pipeline, and
encode.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from renditions.errors import OutOfMemory, RenderFailed, RenditionTooLarge

from .animation import MAX_FRAMES, Animation, frame_bytes, has_frames, read_animation
from .colour import to_srgb
from .encoding import encode, encode_frames
from .facts import SAMPLE, PictureFacts, facts_from
from .filters import FileFilter, Filter
from .formats import FORMATS, Format, format_named, written_for
from .full_size import FullSizePicture, upright_for_files
from .geometry import Size
from .headers.icc import read_profile
from .modes import scale_transparency, to_working_mode
from .orientation import stored_box
from .pipeline import FRAME_STEPS, STEPS, StepContext, run
from .pyramid import Pyramid, StoredCut
from .recipes import Recipe
from .sizers import Cut, FileSizer
from .sources import Limits, Source, SourceInfo, decode, open_source, probe, reading_pixels

# File sizers and filters may change their picture, so each gets a copy. For a larger original, the
# memory for picture and copy is too much: there it is decoded again for each of them.
_MAX_KEPT_PIXELS = 20_000_000

_ALL_FORMATS = tuple(each.name for each in FORMATS)


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """A finished rendition."""

    data: bytes = field(repr=False)
    mime: str
    size: Size


@contextmanager
def open_picture(
    file: BinaryIO, recipes: Sequence[Recipe], limits: Limits
) -> Iterator["OpenPicture"]:
    """Decode the picture in `file` once, no larger than `recipes` need.

    Raises:
        SourceUnreadable, SourceRefused: or a subclass, before anything is rendered.
        OutOfMemory, StorageFailed: another attempt may help.
    """
    picture = OpenPicture(file, recipes, limits)
    try:
        yield picture
    finally:
        picture.close()


class OpenPicture:
    """An original that was opened and decoded once; renditions are cut from it."""

    def __init__(self, file: BinaryIO, recipes: Sequence[Recipe], limits: Limits) -> None:
        self._source: Source | None = open_source(file, limits)
        source = self._source
        self.info: SourceInfo = source.info
        self.decoded_size = self.info.stored_size
        self._limits = limits
        self._profile = read_profile(self.info.icc_profile)
        self._animation: Animation | None = None
        self._full_size: FullSizePicture | None = None
        self._pyramid: Pyramid | None = None
        # Of the original. Below 1: its file lacks the end. None: it was not decoded yet.
        self.share_of_rows: float | None = None
        if any(recipe.encoding.animation == "keep" for recipe in recipes):
            self._animation = read_animation(source, limits)
        cuts = [self._stored(cut) for cut in _possible_cuts(recipes, self.info.size)]
        needs_full_size = not all(recipe.shares_decode for recipe in recipes)
        if needs_full_size and self.info.size.pixels > _MAX_KEPT_PIXELS:
            self._full_size = FullSizePicture(lambda: self._decode_again(file), self.info)
        if cuts or self._full_size is None:
            keep_full_size = needs_full_size and self._full_size is None
            in_srgb = all(recipe.encoding.color == "srgb" for recipe in recipes)
            self._decode(source, cuts, in_srgb=in_srgb, keep_full_size=keep_full_size)

    def _decode(
        self, source: Source, cuts: Sequence[StoredCut], *, in_srgb: bool, keep_full_size: bool
    ) -> None:
        if self._animation:
            image, scale, self.share_of_rows = self._animation.first, 1.0, 1.0
        else:
            least = None if keep_full_size else _least_size(self.info.stored_size, cuts)
            scale_transparency(source.image)
            image, scale, self.share_of_rows = decode(source, self._limits, least)
        self.decoded_size = Size(*image.size)
        with reading_pixels():
            if keep_full_size:
                kept = upright_for_files(image.copy(), self.info)
                self._full_size = FullSizePicture(kept.copy, self.info)
            pixels = to_working_mode(image)
            if in_srgb and _cheaper_at_once(pixels, cuts):
                pixels, self._profile = to_srgb(pixels, self._profile), None
        self._pyramid = Pyramid(pixels, scale, self.info.stored_size, cuts)

    def _decode_again(self, file: BinaryIO) -> Image.Image:
        source = open_source(file, self._limits)
        image, _, self.share_of_rows = decode(source, self._limits)
        return upright_for_files(image, source.info)

    def close(self) -> None:
        """Free the pixels."""
        self._pyramid = self._full_size = self._animation = self._source = None

    def facts(self) -> PictureFacts:
        """Return what a page wants to know.

        The picture was opened with the recipe `SAMPLE`, or another one that shares the decode.

        Raises:
            RenderFailed: or a subclass.
            OutOfMemory: another attempt may help.
        """
        with _rendering():
            if self._pyramid is None or self._source is None:
                raise RenderFailed("The picture was opened without the recipe of its facts.")
            context = StepContext(
                self.info,
                SAMPLE,
                format_named("PNG"),
                self._stored(SAMPLE.cut(self.info.size)),
                self._profile,
                pyramid=self._pyramid,
            )
            sample = run(STEPS, self._pyramid.base, context)
            facts = facts_from(sample, self.info.size, is_animated=has_frames(self._source))
            return replace(facts, share_of_rows=self.share_of_rows or 1.0)

    def render(self, recipe: Recipe) -> RenderedImage:
        """Return the rendition that `recipe` asks for; the picture stays as it was.

        Raises:
            RenderFailed: or a subclass.
            OutOfMemory: another attempt may help.
        """
        output_format = written_for(format_named(recipe.format or self.info.format))
        with _rendering():
            if not recipe.shares_decode:
                return self._render_file(recipe, output_format)
            cut = recipe.cut(self.info.size)
            self._check(cut)
            if self._animation and output_format.animated and recipe.encoding.animation == "keep":
                return self._render_frames(recipe, cut, output_format, self._animation)
            return self._render_still(recipe, cut, output_format)

    def _render_still(self, recipe: Recipe, cut: Cut, output_format: Format) -> RenderedImage:
        if self._pyramid is None:
            raise RenderFailed("The picture was opened without any recipe that shares its decode.")
        context = StepContext(
            self.info,
            recipe,
            output_format,
            self._stored(cut),
            self._profile,
            pyramid=self._pyramid,
        )
        image = run(STEPS, self._pyramid.base, context)
        data = encode(image, output_format, recipe.encoding, profile=context.embedded_profile)
        return RenderedImage(data, output_format.mime, Size(*image.size))

    def _render_frames(
        self, recipe: Recipe, cut: Cut, output_format: Format, animation: Animation
    ) -> RenderedImage:
        self._check_frames(cut, output_format, animation)
        context = StepContext(
            self.info,
            recipe,
            output_format,
            self._stored(cut),
            self._profile,
            frame_mode=animation.mode,
        )
        # Not a generator expression: its variable would keep a frame until the next is composed.
        make = partial(run, FRAME_STEPS, context=context)
        data = encode_frames(
            lambda: map(make, animation.frames()),
            output_format,
            recipe.encoding,
            animation.timing_for(output_format),
            transparent=animation.transparent,
            profile=context.embedded_profile,
        )
        return RenderedImage(data, output_format.mime, cut.size)

    def _stored(self, cut: Cut) -> StoredCut:
        orientation = self.info.orientation
        box = stored_box(cut.box, self.info.stored_size, orientation)
        return StoredCut(box, cut.size.swapped if orientation.swaps_sides else cut.size)

    def _check(self, cut: Cut) -> None:
        limits = self._limits
        if max(cut.size.as_tuple) > limits.max_side or cut.size.pixels > limits.max_pixels:
            raise RenditionTooLarge(
                f"{cut.size}; the limits are {limits.max_side:,} pixels a side and "
                f"{limits.max_pixels:,} pixels."
            )

    def _check_frames(self, cut: Cut, output_format: Format, animation: Animation) -> None:
        limits, frames, pixels = self._limits, len(animation.durations_ms), cut.size.pixels
        needed = frame_bytes(self.info.size) + pixels * output_format.frame_bytes_per_pixel
        if (
            frames > MAX_FRAMES
            or frames * pixels > limits.max_frame_pixels
            or needed > limits.max_decode_bytes
        ):
            raise RenditionTooLarge(
                f"At least {frames:,} frames of {cut.size}; the limits are {MAX_FRAMES:,} frames, "
                f"{limits.max_frame_pixels:,} pixels in all frames together and "
                f"{limits.max_decode_bytes:,} bytes of memory."
            )

    def _render_file(self, recipe: Recipe, output_format: Format) -> RenderedImage:
        """Let a sizer or a filter make its file, and do the rest of the recipe."""
        if self._full_size is None:
            raise RenderFailed("The picture was opened without the recipe that needs all of it.")
        if isinstance(recipe.filter, FileFilter):
            data = self._full_size.filtered(recipe.filter, output_format, recipe.encoding)
            if recipe.sizer is None:
                return self._rendered(data)
            # The name of the rendition says the format of the original, whatever the filter wrote.
            rest = replace(recipe, filter=None, format=output_format.name)
            limits = replace(self._limits, formats=_ALL_FORMATS)
            with open_picture(BytesIO(data), [rest], limits) as filtered:
                return filtered.render(rest)
        assert isinstance(recipe.sizer, FileSizer)
        before = recipe.filter if isinstance(recipe.filter, Filter) else None
        assert recipe.size is not None
        return self._rendered(
            self._full_size.sized(
                recipe.sizer, recipe.size, recipe.ppoi, before, output_format, recipe.encoding
            )
        )

    def _rendered(self, data: bytes) -> RenderedImage:
        info = probe(BytesIO(data), replace(self._limits, formats=_ALL_FORMATS))
        return RenderedImage(data, format_named(info.format).mime, info.size)


def _possible_cuts(recipes: Sequence[Recipe], source: Size) -> Iterator[Cut]:
    """Yield the cuts that share the decode; an impossible cut is reported when it is rendered."""
    for recipe in recipes:
        with suppress(Exception):
            if recipe.shares_decode:
                yield recipe.cut(source)


def _cheaper_at_once(pixels: Image.Image, cuts: Sequence[StoredCut]) -> bool:
    """Whether it costs less to convert the decoded picture than each rendition."""
    wanted = sum(cut.size.pixels for cut in cuts)
    return pixels.mode in ("L", "RGB") and pixels.width * pixels.height <= wanted


def _least_size(stored: Size, cuts: Sequence[StoredCut]) -> Size:
    """Return the smallest size to decode to, from which no cut has to be enlarged."""
    # Not larger: 1.5 times this size costs 26 % more CPU for eight renditions of a photograph, and
    # improves their mean SSIM loss only from 0.0003 to 0.0001.
    scale = min(max((cut.scale for cut in cuts), default=0), 1)
    return Size(int(stored.width * scale) or 1, int(stored.height * scale) or 1)


@contextmanager
def _rendering() -> Iterator[None]:
    """Translate what Pillow raises for a picture or a size that it cannot handle."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory("While the rendition was made.") from error
    except (OSError, ValueError, ArithmeticError, LookupError) as error:
        raise RenderFailed(f"{type(error).__name__}: {error}") from error
