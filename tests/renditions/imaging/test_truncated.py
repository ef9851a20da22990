"""A project that told Pillow to load truncated pictures gets renditions of them."""

from io import BytesIO

import pytest
from PIL import ImageFile

from renditions import checks
from renditions.errors import SourceUnreadable
from renditions.imaging.geometry import Size
from renditions.imaging.rendering import Recipe
from renditions.imaging.sizers import Thumbnail
from tests.renditions.imaging.pictures import as_file, photograph, render

END_OF_IMAGE = b"\xff\xd9"


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("JPEG", b""),
        # The decoder fills what is missing with grey, and reports nothing.
        ("JPEG", END_OF_IMAGE),
        ("PNG", b""),
    ],
)
def test_the_projects_own_switch_decides(name, end, monkeypatch):
    """Without it an incomplete upload is refused."""
    whole = as_file(photograph(600, 400), name).getvalue()
    recipe = Recipe(Thumbnail(), Size(60, 60))

    def incomplete():
        return BytesIO(whole[: len(whole) // 2] + end)

    with pytest.raises(SourceUnreadable):
        render(incomplete(), recipe)

    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert render(incomplete(), recipe).size == Size(60, 40)


def test_the_switch_is_told(monkeypatch):
    """Its effect is not obvious from a setting of another package."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)

    assert [message.id for message in checks.check_settings(None)] == ["renditions.W017"]
