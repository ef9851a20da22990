"""Catalogues of translations: extracted from the sources, kept as .po, compiled to .mo.

Babel does the work, so that GNU gettext need not be installed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

from tests.service.processes import CHECKOUT

ROOMS = ("renditions", "workers", "config/gallery")
# The languages and how each forms a plural. The rules are written here because Babel's own
# change with its releases, and a translation has exactly one text for each form.
PLURALS = {"de": (2, "(n != 1)"), "fr": (2, "(n > 1)"), "es": (2, "(n != 1)")}
LANGUAGES = tuple(PLURALS)

# For each function, which arguments are texts; `(1, "c")` is a context.
_TEXT, _PLURAL = (1,), (1, 2)
_IN_CONTEXT, _PLURAL_IN_CONTEXT = ((1, "c"), 2), ((1, "c"), 2, 3)
KEYWORDS = {
    "_": _TEXT,
    "gettext": _TEXT,
    "gettext_lazy": _TEXT,
    "gettext_noop": _TEXT,
    "ngettext": _PLURAL,
    "ngettext_lazy": _PLURAL,
    "pgettext": _IN_CONTEXT,
    "pgettext_lazy": _IN_CONTEXT,
    "npgettext": _PLURAL_IN_CONTEXT,
    "npgettext_lazy": _PLURAL_IN_CONTEXT,
}
# A comment that begins like this, on the line before a text, is copied to the catalogue.
COMMENT_TAG = "Translators:"
HEADER = "# `make messages` updates and compiles this file. Edit only the translations."

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")


class Catalogue(Catalog):
    """A catalogue without dates, names and versions, which would change in each update."""

    @property
    def num_plurals(self) -> int:
        return PLURALS[str(self.locale)][0]

    @property
    def plural_expr(self) -> str:
        return PLURALS[str(self.locale)][1]

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", str(self.locale)),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", self.plural_forms),
        ]


@dataclass(frozen=True, slots=True)
class Translation:
    """The files of one room in one language."""

    room: str
    language: str

    @property
    def po(self) -> Path:
        return CHECKOUT / self.room / "locale" / self.language / "LC_MESSAGES" / "django.po"

    @property
    def mo(self) -> Path:
        return self.po.with_suffix(".mo")

    def read(self) -> Catalog:
        if not self.po.exists():
            return Catalogue(self.language)
        with self.po.open("rb") as file:
            return read_po(file, locale=self.language)

    def updated(self) -> Catalogue:
        """Return the catalogue with exactly the texts of the sources, translated as before."""
        before = self.read()
        catalogue = Catalogue(self.language, header_comment=HEADER, fuzzy=False)
        for message in filter(_is_text, extracted(self.room)):
            known = before.get(message.id, message.context)
            is_usable = known and isinstance(known.string, tuple) == message.pluralizable
            catalogue.add(
                message.id,
                known.string if known and is_usable else None,
                locations=message.locations,
                auto_comments=message.auto_comments,
                user_comments=known.user_comments if known else (),
                flags=known.flags if known else (),
                context=message.context,
            )
        return catalogue

    def write(self) -> None:
        """Update the .po file and compile it."""
        catalogue = self.updated()
        self.po.parent.mkdir(parents=True, exist_ok=True)
        with self.po.open("wb") as file:
            write_po(file, catalogue, width=100, sort_output=True, include_lineno=False)
        self.mo.write_bytes(self.compiled())

    def compiled(self) -> bytes:
        """Return what the .mo file of the .po file has to hold."""
        catalogue = Catalogue(self.language, fuzzy=False)
        for message in filter(_is_text, self.read()):
            catalogue.add(message.id, message.string, flags=message.flags, context=message.context)
        file = BytesIO()
        write_mo(file, catalogue)
        return file.getvalue()

    def faults(self) -> Iterator[str]:
        """Yield each text that is not in the catalogue, not translated, or translated wrongly."""
        catalogue = self.read()
        for message in filter(_is_text, extracted(self.room)):
            known = catalogue.get(message.id, message.context)
            if known is None:
                yield f"{message.id!r} is missing"
            elif known.fuzzy:
                yield f"{message.id!r} is fuzzy"
            elif not all(_forms(known)) or len(_forms(known)) != self._forms_needed(message):
                yield f"{message.id!r} is not translated"
            else:
                yield from _wrong_placeholders(known)

    def _forms_needed(self, message: Message) -> int:
        return Catalogue(self.language).num_plurals if message.pluralizable else 1


TRANSLATIONS = [Translation(room, language) for room in ROOMS for language in LANGUAGES]


@cache
def extracted(room: str) -> Catalog:
    """Return a catalogue of all texts that are marked in the sources of `room`."""
    catalogue = Catalog()
    for path in sources(room, "*.py"):
        _extract_from(path, path.read_bytes(), catalogue)
    for path in sources(room, "*.html"):
        # Django's own translation of a template to Python. Its indentation means nothing.
        code = templatize(path.read_text(), origin=str(path))
        lines = "\n".join(line.lstrip() for line in code.splitlines())
        _extract_from(path, lines.encode(), catalogue)
    return catalogue


def sources(room: str, pattern: str) -> Iterator[Path]:
    """Yield the files of a room; migrations hold copies of texts that are never shown."""
    for path in sorted((CHECKOUT / room).rglob(pattern)):
        if "migrations" not in path.parts:
            yield path


def _is_text(message: Message) -> bool:
    return bool(message.id)  # the header of a catalogue is the text ""


def _forms(message: Message) -> tuple[str, ...]:
    """Return the translation, or the translations of singular and plural."""
    forms = message.string
    return tuple(forms) if isinstance(forms, list | tuple) else (forms or "",)


def _wrong_placeholders(message: Message) -> Iterator[str]:
    """Yield each form of a translation that does not have the placeholders of its original."""
    originals = message.id if message.pluralizable else (message.id,)
    for number, form in enumerate(_forms(message)):
        # The plural may have a number that the singular spells out, as in "one photo".
        allowed = originals if number == 0 else originals[-1:]
        if _placeholders(form) not in [_placeholders(original) for original in allowed]:
            yield f"{form!r} has other placeholders than {originals[-1]!r}"


def _placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text.replace("%%", "")))


def _extract_from(path: Path, content: bytes, catalogue: Catalog) -> None:
    found = extract(
        "python",
        BytesIO(content),
        keywords=KEYWORDS,
        comment_tags=[COMMENT_TAG],
        options={"encoding": "utf-8"},
        strip_comment_tags=True,
    )
    name = path.relative_to(CHECKOUT).as_posix()
    for _line, text, comments, context in found:
        catalogue.add(text, locations=[(name, None)], auto_comments=comments, context=context)
