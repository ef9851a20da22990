"""Every text that visitors, editors and operators see can be translated, and is translated."""

import pytest

from tests.translations.catalogues import ROOMS, TRANSLATIONS, Translation
from tests.translations.unmarked import unmarked

EACH = pytest.mark.parametrize(
    "translation", TRANSLATIONS, ids=lambda each: f"{each.room}-{each.language}"
)


@EACH
def test_every_text_is_translated(translation: Translation):
    """A text without a translation is named, and so is one whose placeholders differ."""
    faults = list(translation.faults())

    assert not faults, f"Run `make messages` and edit {translation.po}:\n" + "\n".join(faults)


@EACH
def test_compiled_catalogues_are_up_to_date(translation: Translation):
    """Each .mo file is compiled from its .po file as it is now."""
    assert translation.mo.read_bytes() == translation.compiled(), "Run `make messages`."


@pytest.mark.parametrize("room", ROOMS)
def test_every_text_is_marked(room: str):
    """No text for people is a bare literal that gettext does not see."""
    assert unmarked(room) == []
