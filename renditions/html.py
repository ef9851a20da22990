"""The HTML of pictures, for Django templates, Jinja2 and Python code."""

import functools
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .files import VersatileImageMixIn
from .imaging import thumbhash
from .imaging.facts import PictureFacts
from .imaging.geometry import Size
from .responsive import Responsive, Source, responsive
from .settings_table import UntilReady

__all__ = ["picture", "preload"]

BLUR, COLOR = "blur", "color"
# Colours of the blurred picture, along its longer and its shorter side.
_CELLS = 4, 3
_NEUTRAL = "#8888884d"

_NAME = re.compile(r"[a-zA-Z][\w-]*", re.ASCII)
_OURS = ("src", "srcset")


def picture(
    image: VersatileImageMixIn,
    key_set: object,
    *art: object,
    alt: str = "",
    sizes: str | None = None,
    placeholder: str | None = None,
    until_ready: str | None = None,
    **attributes: Any,
) -> SafeString:
    """Return a `<picture>` for a responsive picture, and an `<img>` for one rendition key.

        picture(person.headshot, "hero", alt=person.name, sizes="(min-width: 60em) 50vw, 100vw")

    Empty: the field is empty, or `until_ready` is `"nothing"` and no file is made.

    Args:
        key_set: The name of a responsive picture in the settings, a `Picture`, or a rendition key.
        art: Pairs of a media query and another key set, for art direction. The first pair whose
            query matches is shown.
        alt: What the picture shows, for those who do not see it. Empty: it is decoration.
        sizes: How wide the page shows it. None: the `sizes` of the `Picture`.
        placeholder: `"blur"` or `"color"`: shown until the file is loaded. It needs a
            `meta_field`, and the style sheet `renditions/picture.css`. A transparent picture has
            none.
        until_ready: What to show until the files are made. None: as the field or the setting says.
        attributes: Of the `<img>`. An underscore becomes a hyphen, and one at the end is left out:
            `class_` in Python; True gives an attribute without
            a value, None and False give none. `loading="lazy"` and `decoding="async"` are the
            defaults.

    Raises:
        ValueError: an argument is wrong.
        ImproperlyConfigured, InvalidSizeKeySet, InvalidSizeKey: a key set is unknown or wrong.
    """
    if placeholder not in (None, BLUR, COLOR):
        raise ValueError(f"placeholder is {placeholder!r}; it must be {BLUR!r}, {COLOR!r} or None.")
    shown = responsive(image, key_set, until_ready)
    given = {"loading": "lazy", "decoding": "async", **_checked(attributes)}
    if not shown.sources:
        policy = until_ready or image.field.until_ready
        is_box = bool(image.name) and policy in (UntilReady.PLACEHOLDER, UntilReady.NEAREST)
        return _box(shown, alt, placeholder, given) if is_box else SafeString()
    img = _img(shown, alt, sizes, given)
    sources = list(_art(image, art, until_ready, sizes))
    sources += [_source(each, shown, sizes) for each in shown.sources[:-1]]
    html = img
    if sources:
        html = format_html("<picture>{}{}</picture>", _joined(sources), img)
    return _wrapped(html, _backdrop(shown.facts, placeholder))


def preload(
    image: VersatileImageMixIn,
    key_set: object,
    *,
    sizes: str | None = None,
    media: str | None = None,
    until_ready: str | None = None,
) -> SafeString:
    """Return a `<link>` that lets the browser load a picture before it has read the page.

    It is for the one picture that a visitor sees first, and belongs into `<head>`. A browser that
    does not know the first format of the picture ignores it.

    Args:
        key_set, sizes, until_ready: As for `picture`.
        media: A media query: the picture is loaded only if it matches.
    """
    shown = responsive(image, key_set, until_ready)
    if not shown.sources:
        return SafeString()
    first = shown.sources[0]
    attributes = {
        "rel": "preload",
        "as": "image",
        "href": None if first.candidates[0].descriptor else first.candidates[0].url,
        "imagesrcset": first.srcset if first.candidates[0].descriptor else None,
        "imagesizes": _sizes(shown, sizes),
        "type": first.mime or None,
        "media": media,
        "fetchpriority": "high",
    }
    return format_html("<link{}>", flatatt(attributes))


def _joined(parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))


def _img(shown: Responsive, alt: str, sizes: str | None, given: dict[str, Any]) -> SafeString:
    source = shown.sources[-1]
    choices = source.srcset if source.candidates[-1].descriptor else None
    is_choice = len(source.candidates) > 1
    size = shown.size
    attributes = {
        "src": shown.src,
        "srcset": choices if is_choice else None,
        "sizes": _sizes(shown, sizes) if is_choice else None,
        "alt": alt,
        "width": size.width if size else None,
        "height": size.height if size else None,
        **given,
    }
    return format_html("<img{}>", flatatt(attributes))


def _source(
    source: Source, shown: Responsive, sizes: str | None, media: str | None = None
) -> SafeString:
    # The shape of a picture for another medium is another one, and the place is kept free by it.
    size = shown.size if media else None
    attributes = {
        "media": media,
        "type": source.mime or None,
        "srcset": source.srcset,
        "sizes": _sizes(shown, sizes),
        "width": size.width if size else None,
        "height": size.height if size else None,
    }
    return format_html("<source{}>", flatatt(attributes))


def _art(
    image: VersatileImageMixIn,
    art: Sequence[object],
    until_ready: str | None,
    sizes: str | None,
) -> Iterator[SafeString]:
    if len(art) % 2:
        raise ValueError(
            "Art direction is pairs of a media query and a key set: "
            "'(max-width: 40em)' 'square'. The last pair is incomplete."
        )
    for media, key_set in zip(art[::2], art[1::2], strict=True):
        shown = responsive(image, key_set, until_ready)
        for source in shown.sources:
            yield _source(source, shown, sizes, str(media))


def _sizes(shown: Responsive, sizes: str | None) -> str | None:
    return (sizes or shown.sizes) if shown.sizes else None


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    attributes = {name.rstrip("_").replace("_", "-"): value for name, value in given.items()}
    for name in attributes:
        if not _NAME.fullmatch(name) or name in _OURS:
            raise ValueError(f"{name!r} cannot be set as an attribute of the <img>.")
    return attributes


# ---- before the file is loaded -----------------------------------------------------------------


def _wrapped(html: SafeString, backdrop: SafeString) -> SafeString:
    if not backdrop:
        return html
    return format_html('<span class="renditions-picture">{}{}</span>', html, backdrop)


def _box(shown: Responsive, alt: str, placeholder: str | None, given: dict[str, Any]) -> SafeString:
    """Return a box of the size of the picture. It needs no style sheet."""
    size = shown.size
    if size is None:
        return SafeString()
    fill = shown.facts.color if shown.facts and not shown.facts.has_alpha else _NEUTRAL
    backdrop = _backdrop(shown.facts, placeholder)
    others = {name: value for name, value in given.items() if name not in _OF_IMG}
    attributes = {
        "width": size.width,
        "height": size.height,
        "viewBox": f"0 0 {size.width} {size.height}",
        **({"role": "img", "aria-label": alt} if alt else {"aria-hidden": "true"}),
        **others,
    }
    box = format_html(
        '<svg{}><rect width="100%" height="100%" fill="{}"/></svg>',
        flatatt(attributes),
        "none" if backdrop else fill,
    )
    return _wrapped(box, backdrop)


_OF_IMG = ("loading", "decoding", "fetchpriority", "crossorigin", "referrerpolicy", "ismap")


# Cached: the first page of a site shows the same pictures to every visitor.
@functools.lru_cache(maxsize=1024)
def _backdrop(facts: PictureFacts | None, kind: str | None) -> SafeString:
    """Return what is seen behind an `<img>` until its file is loaded. It follows the `<img>`.

    It has no style and no `data:` URL, because a strict Content-Security-Policy allows neither.
    Without the style sheet it has no size.
    """
    if not facts or not kind or facts.has_alpha:
        return SafeString()
    columns, rows = _grid(facts.size) if kind == BLUR else (1, 1)
    colours = _cells(facts, columns, rows) if kind == BLUR else [[facts.color]]
    cells = (
        (*_span(x, columns), *_span(y, rows), colour)
        for y, colours_of_row in enumerate(colours)
        for x, colour in enumerate(colours_of_row)
    )
    return format_html(
        '<span class="renditions-{}"><svg width="0" height="0" viewBox="0 0 {} {}" '
        'preserveAspectRatio="none" aria-hidden="true">{}</svg></span>',
        kind,
        columns,
        rows,
        format_html_join("", '<rect x="{}" width="{}" y="{}" height="{}" fill="{}"/>', cells),
    )


def _span(index: int, count: int) -> tuple[int, int]:
    """Return where a cell begins, and its length. The outer ones go beyond the edges.

    Each cell goes on below all later ones, so that there is no gap between them.
    """
    start = index or -1
    return start, count + 1 - start


def _grid(size: Size) -> tuple[int, int]:
    longer, shorter = _CELLS
    return (longer, shorter) if size.width >= size.height else (shorter, longer)


def _cells(facts: PictureFacts, columns: int, rows: int) -> list[list[str]]:
    try:
        colours = thumbhash.colours(b64decode(facts.thumbhash), columns, rows)
    except ValueError:
        # Other code can write to the column.
        return [[facts.color] * columns] * rows
    return [["#{:02x}{:02x}{:02x}".format(*colour) for colour in row] for row in colours]
