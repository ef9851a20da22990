"""Responsive pictures: one declaration that expands to a rendition key set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Self

# Sides and densities are checked by the grammar of rendition keys; these keep a set small.
MOST_WIDTHS = 20
MOST_FORMATS = 5


class InvalidPicture(ValueError):
    """An argument of `Picture` is wrong. The message names it and says what is valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A rendition key set for `{% picture %}`: a picture in several widths and formats.

        "hero": Picture(widths=[400, 800, 1600], ratio="16/9", formats=["avif", "webp"])

    No rendition is larger than its original: a width that would be is left out, except the
    smallest one, which then has the width of the original.

    Args:
        widths: CSS pixels. With `densities`, exactly one width.
        ratio: Width by height, such as `"16/9"`, `"4:3"` or 1.5: each rendition is cropped near
            the focal point. None: it has the shape of the picture.
        formats: Output formats, the best first. Browsers that know none of them get one rendition
            in the format of the original. Empty: all renditions are in the format of the original.
        densities: Pixels for each CSS pixel, such as `[1, 2]`, for a picture that has one size on
            every screen. None: the browser chooses a width by `sizes`.
        sizes: The `sizes` attribute: how wide the page shows the picture. A tag can give another.
        quality: 1-100, for each format that has a quality. None: the settings decide.
    """

    widths: Sequence[int]
    ratio: str | float | None = None
    formats: Sequence[str] = ()
    densities: Sequence[float] | None = None
    sizes: str = "100vw"
    quality: int | None = None

    def __post_init__(self) -> None:
        # Tuples, so that it can be hashed. A wrong value is reported when the set is checked.
        for name in ("widths", "formats", "densities"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Return the picture with these arguments.

        Raises:
            InvalidPicture: an argument is unknown, or `widths` is missing.
        """
        known = [each.name for each in fields(cls)]
        unknown = [str(name) for name in given if name not in known]
        if unknown:
            raise InvalidPicture(
                f"{', '.join(map(repr, unknown))}: a picture has no such argument. "
                f"Known: {', '.join(known)}."
            )
        if "widths" not in given:
            raise InvalidPicture("A picture needs 'widths', such as [400, 800, 1600].")
        return cls(**given)

    def keys(self) -> list[dict[str, str]]:
        """Return the rendition keys by name, in a group for each format, from small to large.

        The last group is in the format of the original.

        Raises:
            InvalidPicture: an argument is wrong.
        """
        self._check()
        sizes = self._sizes()
        groups = [
            {f"{name}-{output}": f"{key}__{output}" for name, key in sizes.items()}
            for output in self.formats
        ]
        return [*groups, self._fallback(sizes) if self.formats else sizes]

    def _fallback(self, sizes: dict[str, str]) -> dict[str, str]:
        """Return the one rendition for the few browsers that know none of the formats."""
        name = list(sizes)[0 if self.densities else len(sizes) // 2]
        return {name: sizes[name]}

    def _sizes(self) -> dict[str, str]:
        """Return the keys without a format by name."""
        if self.densities:
            [width] = self.widths
            return {f"{each:g}x": self._key(width, each) for each in sorted(self.densities)}
        return {f"{width}w": self._key(width) for width in sorted(self.widths)}

    def _key(self, width: int, density: float = 1) -> str:
        if self.ratio is None:
            size, sizer = f"{width}x", "thumbnail"
        else:
            size, sizer = f"{width}x{max(round(width / _fraction(self.ratio)), 1)}", "crop-down"
        return f"{sizer}__{size}" if density == 1 else f"{sizer}__{size}@{density:g}x"

    def _check(self) -> None:
        _check_numbers("widths", self.widths, (int,), 99_999)
        if self.densities is not None:
            _check_numbers("densities", self.densities, (int, float), 9)
            if len(self.widths) != 1:
                raise InvalidPicture(
                    "A picture with 'densities' has one width, which is its width on every screen. "
                    f"It has {len(self.widths)}. Remove 'densities', or all widths but one."
                )
        if self.ratio is not None:
            _fraction(self.ratio)
        _check_formats(self.formats)
        if not isinstance(self.sizes, str) or not self.sizes.strip():
            raise InvalidPicture(
                f"'sizes' is {self.sizes!r}; it must be the text of a `sizes` attribute, such as "
                "'(min-width: 60em) 50vw, 100vw'."
            )
        if self.quality is not None and (
            type(self.quality) is not int or not 1 <= self.quality <= 100
        ):
            raise InvalidPicture(
                f"'quality' is {self.quality!r}; it must be a whole number from 1 to 100, or None."
            )


def _fraction(ratio: Any) -> Fraction:
    """Return width by height.

    Raises:
        InvalidPicture: `ratio` is not positive, or not a ratio.
    """
    try:
        if isinstance(ratio, bool):
            raise TypeError
        found = Fraction(ratio.replace(":", "/") if isinstance(ratio, str) else ratio)
        if Fraction(1, 100) <= found <= 100:
            return found
    except (TypeError, ValueError, ArithmeticError):
        pass
    raise InvalidPicture(
        f"'ratio' is {ratio!r}; it must be width by height, such as '16/9', '4:3' or 1.5."
    )


def _check_numbers(name: str, values: Any, kinds: tuple[type, ...], highest: int) -> None:
    if (
        not isinstance(values, tuple)
        or not 1 <= len(values) <= MOST_WIDTHS
        or len(set(values)) != len(values)
        or not all(type(each) in kinds and 1 <= each <= highest for each in values)
    ):
        raise InvalidPicture(
            f"{name!r} is {values!r}; it must be a list of 1 to {MOST_WIDTHS} different numbers "
            f"from 1 to {highest}."
        )


def _check_formats(formats: Any) -> None:
    if (
        not isinstance(formats, tuple)
        or len(formats) > MOST_FORMATS
        or len(set(formats)) != len(formats)
        or not all(isinstance(each, str) and each.isalnum() for each in formats)
    ):
        raise InvalidPicture(
            f"'formats' is {formats!r}; it must be a list of at most {MOST_FORMATS} different "
            "formats, such as ['avif', 'webp']."
        )
