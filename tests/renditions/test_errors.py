"""What an error says, and to whom."""

import ast
import inspect
import pickle
from collections.abc import Iterator

import pytest

from renditions import errors
from renditions.errors import RenditionError, SourceUnreadable, TooManyPixels


def _subclasses(base: type[RenditionError]) -> Iterator[type[RenditionError]]:
    yield base
    for one in base.__subclasses__():
        if one.__module__.startswith("renditions."):
            yield from _subclasses(one)


EVERY_ERROR = sorted(set(_subclasses(RenditionError)), key=lambda error: error.__name__)


def test_an_error_is_a_headline_and_a_detail():
    """Failures are grouped by the headline; logs and records hold both."""
    broken, large = SourceUnreadable("bad Huffman code"), TooManyPixels(60_000_000, 50_000_000)

    assert broken.headline == "The picture is damaged. Upload the file again."
    assert str(broken) == f"{broken.headline} bad Huffman code"
    assert large.headline == "The picture has too many pixels."
    assert large.detail == "60,000,000 pixels; the limit is 50,000,000."
    assert str(RenditionError()) == RenditionError.headline


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.__name__)
def test_a_headline_is_a_sentence_without_numbers_that_vary(error):
    assert error.headline.endswith(".")
    assert "{" not in error.headline
    assert error.headline[0].isupper()


@pytest.mark.parametrize(
    "error",
    [
        RenditionError("why"),
        TooManyPixels(2, 1),
        errors.FormatRefused("TIFF", ("JPEG", "PNG")),
        errors.FormatRefused(None, ("JPEG",)),
    ],
    ids=repr,
)
def test_an_error_survives_a_queue(error):
    again = pickle.loads(pickle.dumps(error))

    assert (type(again), again.headline, again.detail) == (
        type(error),
        error.headline,
        error.detail,
    )


def test_message_extractors_find_every_text():
    """They read the source and find what stands in a call of `gettext_noop`."""
    tree = ast.parse(inspect.getsource(errors))
    texts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if getattr(target, "id", getattr(target, "attr", "")) in ("headline", "detail_format")
        and node.value is not None
    ]

    unmarked = [
        ast.unparse(node.value)
        for node in texts
        if not (isinstance(node.value, ast.Call) and node.value.func.id == "gettext_noop")
    ]
    assert unmarked == ["'{reason}'"]
