"""A filter that kills its process, as a decoder with a fault does."""

import os
import signal

from PIL import Image

from renditions.imaging.filters import Filter
from renditions.registry import versatileimagefield_registry as registry


class Deadly(Filter):
    def apply(self, image: Image.Image) -> Image.Image:
        os.kill(os.getpid(), signal.SIGKILL)
        return image


registry.register_filter("deadly", Deadly)
