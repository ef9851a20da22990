"""The records of all pictures on a page, recalled in one call."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from renditions import conf
from renditions.planning.keys import RenditionKey
from renditions.planning.plans import Original, Place, Style, place_of

from . import RenditionRecord, project_recorder, record_key, tells_created


class Known(NamedTuple):
    """What is known of one rendition."""

    original: Original
    key: RenditionKey
    style: Style
    place: Place
    text: str | None  # of its record; None: the store had none

    @property
    def is_made(self) -> bool:
        """Whether its plan has made it; then `record` need not be parsed."""
        if self.text is None:
            return False
        wanted = self.place.fingerprint(self.original, self.key, self.style.encoding)
        return tells_created(self.text, wanted)

    @property
    def record(self) -> RenditionRecord | None:
        record = RenditionRecord.from_text(self.text)
        return record if record and record.path == self.place.path else None


class PrefetchedRecords:
    """The records of one picture. They are recalled together with those of its page.

    It holds values only, so it keeps no instance of a model alive.
    """

    def __init__(self, original: Original, wanted: tuple[RenditionKey, ...] = ()) -> None:
        """Take the keys that the first call of the page recalls, besides those that it is for."""
        self.original = original
        self.wanted = wanted
        self.known: dict[RenditionKey, Known | None] = {}  # None: it was recalled and has changed
        self._page: Iterable[PrefetchedRecords] = [self]

    @staticmethod
    def share_calls(page: Iterable["PrefetchedRecords"]) -> None:
        """Let each call recall what the whole page needs."""
        shared = tuple(page)
        for each in shared:
            each._page = shared  # noqa: SLF001

    def find(self, key: RenditionKey) -> Known:
        """Return what is known of one rendition; ask the store if it was not recalled yet."""
        known = self.known.get(key)
        if known is None:
            self.recall([key])
            known = self.known[key]
            assert known is not None
        return known

    def recall(self, keys: Iterable[RenditionKey]) -> None:
        """Recall those of `keys` that were not recalled yet, in one call.

        It also recalls them for the other pictures of the same field.
        """
        unknown = [key for key in keys if self.known.get(key) is None]
        if unknown:
            changed = [(self, key) for key in unknown if key in self.known]
            new = [key for key in unknown if key not in self.known]
            _recall([*changed, *self._needed_with(new)])

    def forget(self, key: RenditionKey) -> None:
        """Ask the store again: the rendition was made or deleted."""
        if key in self.known:
            self.known[key] = None

    def _needed_with(
        self, new: Sequence[RenditionKey]
    ) -> Iterator[tuple["PrefetchedRecords", RenditionKey]]:
        """Yield the `new` keys for the same field, and before the first call all wanted ones."""
        for each in self._page if new else ():
            keys = () if each.known else each.wanted
            if each.original.field == self.original.field:
                keys = (*keys, *(key for key in new if key not in keys))
            yield from ((each, key) for key in keys)


def _recall(needed: Sequence[tuple[PrefetchedRecords, RenditionKey]]) -> None:
    styles = [conf.style(key) for _, key in needed]
    places = [
        place_of(picture.original, key, style.layout)
        for (picture, key), style in zip(needed, styles, strict=True)
    ]
    record_keys = [
        record_key(picture.original.rendition_storage, place.path)
        for (picture, _), place in zip(needed, places, strict=True)
    ]
    texts = project_recorder().texts(record_keys)
    for (picture, key), style, place, text_key in zip(
        needed, styles, places, record_keys, strict=True
    ):
        text = texts.get(text_key)
        picture.known[key] = Known(picture.original, key, style, place, text)
