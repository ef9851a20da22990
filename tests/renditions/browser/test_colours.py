"""Renditions without a profile have the colours that Chromium shows of their originals."""

from base64 import b64decode, b64encode

import pytest
from PIL import Image, ImageChops

from renditions.imaging.recipes import Recipe
from tests.renditions.imaging.pictures import as_file, read, render

pytestmark = pytest.mark.browser

PIXELS = """
async ([base64, type]) => {
  const picture = new Image();
  picture.src = `data:${type};base64,${base64}`;
  await picture.decode();
  const size = [picture.naturalWidth, picture.naturalHeight];
  const context = new OffscreenCanvas(...size).getContext("2d");
  context.drawImage(picture, 0, 0);
  return btoa(String.fromCharCode(...context.getImageData(0, 0, ...size).data));
}
"""


def inks() -> Image.Image:
    """Return a picture in which the four inks overlap in all strengths."""
    strength = Image.linear_gradient("L").resize((64, 64))
    black = strength.point(lambda value: value // 2)
    return Image.merge("CMYK", [strength, strength.rotate(90), strength.rotate(180), black])


def test_cmyk_without_a_profile(secure_page):
    """As Adobe writes it, with inverted inks."""
    data = as_file(inks(), "JPEG", quality=100, subsampling=0)
    base64 = b64encode(data.getvalue()).decode()

    found = b64decode(secure_page.evaluate(PIXELS, [base64, "image/jpeg"]))

    shown = Image.frombytes("RGBA", (64, 64), found).convert("RGB")
    ours = read(render(data, Recipe(format="png")))
    assert max(high for _, high in ImageChops.difference(shown, ours).getextrema()) <= 1
