"""From an original to its renditions: opened once, decoded once, then cut, turned and written.

open safely -> decode no larger than needed -> plain modes -> per rendition: cut and resample
-> upright -> sRGB -> filter -> file
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image

from renditions.errors import RenderFailed, RenditionTooLarge

from .colour import to_srgb
from .filters import Filter
from .formats import Encoding, Format, encode, format_named
from .geometry import CENTRE, Box, FocalPoint, Size
from .modes import plain
from .orientation import make_upright, stored_box
from .resampling import resample
from .sizers import Cut, Sizer
from .sources import Limits, Source, SourceInfo, decode, open_source, probe
from .whole_image import WholeImageFilter, WholeImageSizer


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make of a picture."""

    sizer: Sizer | WholeImageSizer | None = None  # None: the size stays
    size: Size | None = None  # given exactly where `sizer` is
    ppoi: FocalPoint = CENTRE
    filter: Filter | WholeImageFilter | None = None
    format: str | None = None  # a name in the table of formats; None: the original's own
    encoding: Encoding = field(default_factory=Encoding)

    @property
    def needs_whole_image(self) -> bool:
        return isinstance(self.sizer, WholeImageSizer) or isinstance(self.filter, WholeImageFilter)

    def cut(self, source: Size) -> Cut:
        if not isinstance(self.sizer, Sizer) or self.size is None:
            return Cut(Box.of(source), source)
        return self.sizer.cut(source, self.size, self.ppoi)


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
    picture = Picture(open_source(file, limits), recipes, limits)
    try:
        yield picture
    finally:
        picture.close()


class Picture:
    """A decoded picture that renditions are cut from."""

    def __init__(self, source: Source, recipes: Sequence[Recipe], limits: Limits) -> None:
        self.info: SourceInfo = source.info
        self._limits = limits
        self._filtered: dict[int, bytes] = {}
        self._whole: Image.Image | None = None
        image = source.image
        if any(recipe.needs_whole_image for recipe in recipes):
            decode(image)
            self._whole = image
        else:
            image.draft(None, _draft_size(self.info, recipes))
            decode(image)
        self._pixels = plain(image)

    def close(self) -> None:
        """Let go of the pixels."""
        self._filtered.clear()
        self._whole = None
        del self._pixels

    def render(self, recipe: Recipe) -> RenderedImage:
        """Return the rendition that `recipe` asks for; the picture stays as it was.

        Raises:
            RenderFailed: and its subclasses.
            OutOfMemory: trying again may help.
        """
        row = format_named(recipe.format or self.info.format)
        if recipe.needs_whole_image:
            return self._render_whole(recipe, row)
        cut = recipe.cut(self.info.size)
        self._check(cut)
        image = self._cut(cut)
        image = make_upright(image, self.info.orientation)
        image = to_srgb(image, self.info.icc_profile)
        if isinstance(recipe.filter, Filter):
            image = recipe.filter.apply(image)
        return RenderedImage(encode(image, row, recipe.encoding), row.mime, Size(*image.size))

    def _check(self, cut: Cut) -> None:
        longest, pixels = max(cut.size.as_tuple), cut.size.pixels
        if longest > self._limits.max_side or pixels > self._limits.max_pixels:
            raise RenditionTooLarge(
                f"A rendition of {cut.size} is above the limit of {self._limits.max_side:,} px a "
                f"side and {self._limits.max_pixels:,} pixels."
            )

    def _cut(self, cut: Cut) -> Image.Image:
        stored = self.info.stored_size
        box = stored_box(cut.box, stored, self.info.orientation)
        size = cut.size.swapped if self.info.orientation.swaps_sides else cut.size
        x, y = self._pixels.width / stored.width, self._pixels.height / stored.height
        return resample(self._pixels, box.scaled(x, y), size)

    def _render_whole(self, recipe: Recipe, row: Format) -> RenderedImage:
        if isinstance(recipe.filter, WholeImageFilter):
            data = self._filter_whole(recipe.filter, row, recipe)
            if recipe.sizer is None:
                return _rendered(data, row, self._limits)
            rest = Recipe(
                recipe.sizer, recipe.size, recipe.ppoi, None, recipe.format, recipe.encoding
            )
            with open_picture(BytesIO(data), [rest], self._limits) as filtered:
                return filtered.render(rest)
        return _rendered(self._size_whole(recipe, row), row, self._limits)

    def _filter_whole(self, old: WholeImageFilter, row: Format, recipe: Recipe) -> bytes:
        if id(old) not in self._filtered:
            image, options = old.preprocess(self._fresh(), row.name)
            options = {**row.save_options(recipe.encoding), **options}
            self._filtered[id(old)] = old.process_image(
                image=image, image_format=row.name, save_kwargs=options
            ).getvalue()
        return self._filtered[id(old)]

    def _size_whole(self, recipe: Recipe, row: Format) -> bytes:
        assert isinstance(recipe.sizer, WholeImageSizer)
        assert recipe.size is not None
        old = copy.copy(recipe.sizer)
        old.ppoi = recipe.ppoi.x, recipe.ppoi.y
        image = self._fresh()
        if isinstance(recipe.filter, Filter):
            image = recipe.filter.apply(to_srgb(plain(image), self.info.icc_profile))
        image, options = old.preprocess(image, row.name)
        options = {**row.save_options(recipe.encoding), **options}
        width, height = recipe.size.as_tuple
        return old.process_image(
            image=image, image_format=row.name, save_kwargs=options, width=width, height=height
        ).getvalue()

    def _fresh(self) -> Image.Image:
        """Return an upright copy at full size that may be changed."""
        if self._whole is None:
            raise RenderFailed("The picture was opened without the recipe that needs all of it.")
        kept: dict[str | tuple[int, int], Any] = {
            key: self._whole.info[key]
            for key in ("icc_profile", "transparency")
            if self._whole.info.get(key) is not None
        }
        image = make_upright(self._whole, self.info.orientation)
        image = self._whole.copy() if image is self._whole else image
        image.info = dict(kept)
        image.format = self.info.format
        return image


def _rendered(data: bytes, row: Format, limits: Limits) -> RenderedImage:
    return RenderedImage(data, row.mime, probe(BytesIO(data), limits).size)


def _draft_size(info: SourceInfo, recipes: Sequence[Recipe]) -> tuple[int, int]:
    """Return the smallest size to decode to from which no recipe has to be enlarged."""
    stored = info.stored_size
    scale = 0.0
    for recipe in recipes:
        cut = recipe.cut(info.size)
        scale = max(scale, cut.size.width / cut.box.size.width)
        scale = max(scale, cut.size.height / cut.box.size.height)
    scale = min(scale or 1, 1)
    return int(stored.width * scale) or 1, int(stored.height * scale) or 1
