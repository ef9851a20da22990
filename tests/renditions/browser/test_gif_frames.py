"""What Chromium shows of the GIFs that the tests of the imaging core compose."""

from base64 import b64decode, b64encode

import pytest
from PIL import Image

from tests.renditions.imaging.gifs import GIFS, shown

pytestmark = pytest.mark.browser

# Decodes each frame with the decoder of the browser, and reads its pixels from a canvas.
FRAMES = """
async (base64) => {
  const data = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const decoder = new ImageDecoder({data, type: "image/gif"});
  await Promise.all([decoder.tracks.ready, decoder.completed]);
  const frames = [];
  for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex++) {
    const {image} = await decoder.decode({frameIndex});
    const size = [image.displayWidth, image.displayHeight];
    const context = new OffscreenCanvas(...size).getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, ...size).data;
    const base64 = btoa(String.fromCharCode(...pixels));
    frames.push({size, milliseconds: image.duration / 1000, pixels: base64});
  }
  return frames;
}
"""


@pytest.mark.parametrize("name", GIFS)
def test_chromium_shows_what_we_compose(secure_page, name):
    gif = GIFS[name]

    found = secure_page.evaluate(FRAMES, b64encode(gif.data).decode())

    frames = [
        Image.frombytes("RGBA", tuple(each["size"]), b64decode(each["pixels"])) for each in found
    ]
    assert [shown(frame) for frame in frames] == gif.shown
    assert [each["milliseconds"] for each in found] == gif.durations_ms
