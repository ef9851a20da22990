"""Frames as Pillow's encoders want them, of which one at a time is in memory."""

from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image


class Reel(Image.Image):
    """A picture to seek in; each frame is made when its pixels are asked for.

    Encoders go through the frames from the first to the last. Some look at their modes before, for
    which nothing has to be made.
    """

    def __init__(self, frames: Callable[[], Iterator[Image.Image]], count: int) -> None:
        """Begin with the first frame.

        Args:
            frames: Gives all frames from the first on, as often as it is called; of one mode and
                size.
            count: How many there are.
        """
        super().__init__()
        self.n_frames, self.is_animated = count, count > 1
        self._all = frames
        self._wanted = 0
        self._rewind()

    def seek(self, frame: int) -> None:
        if not 0 <= frame < self.n_frames:
            raise EOFError(f"There is no frame {frame}.")
        self._wanted = frame

    def tell(self) -> int:
        return self._wanted

    def load(self) -> Any:
        if self._wanted < self._shown:
            self._rewind()
        while self._shown < self._wanted:
            self._show_next()
        return super().load()

    def _rewind(self) -> None:
        self._left, self._shown = self._all(), -1
        self._show_next()

    def _show_next(self) -> None:
        self._im = None  # or two frames would be in memory
        frame = next(self._left)
        self._shown += 1
        self._mode, self._size = frame.mode, frame.size
        self.im, self.palette, self.info = frame.im, frame.palette, frame.info
