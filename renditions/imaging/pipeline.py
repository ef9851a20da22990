"""The pipeline: what is done to a decoded picture, step by step, until a format can hold it.

A still picture is decoded once and brought to a working mode; then each of its renditions takes the
`STEPS`. Of an animation that is kept, each frame takes the `FRAME_STEPS` for each rendition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from .colour import to_srgb, usable_profile
from .encoding import fit
from .filters import Filter
from .formats import Format
from .headers.icc import Profile
from .modes import GREYSCALE_MODES, to_working_mode, unpremultiplied_mode, unpremultiply
from .orientation import make_upright
from .pyramid import Pyramid, StoredCut
from .recipes import Recipe
from .sources import SourceInfo


@dataclass(frozen=True, slots=True)
class StepContext:
    """What the steps of one rendition need to know, besides the picture."""

    info: SourceInfo
    recipe: Recipe
    output_format: Format
    cut: StoredCut
    profile: Profile | None  # of the colours; None: they are in sRGB
    # Exactly one of these two is given.
    pyramid: Pyramid | None = None  # from which a still picture is cut
    frame_mode: str | None = None  # which all frames of an animation have in the end

    @property
    def grey(self) -> bool:
        return (self.frame_mode or self.info.mode) in GREYSCALE_MODES

    @property
    def embedded_profile(self) -> bytes | None:
        """The profile of the original, where the colours are kept; None: they are converted."""
        kept = self.recipe.encoding.color == "keep" and self.recipe.filter is None
        if kept and self.output_format.profiles and self._mode in self.output_format.modes:
            return usable_profile(self._mode, self.profile)
        return None

    @property
    def _mode(self) -> str:
        """The mode of the picture after its alpha was separated."""
        if self.pyramid is None:
            return self.frame_mode or ""
        return unpremultiplied_mode(self.pyramid.base.mode, grey=self.grey)


Step = Callable[[Image.Image, StepContext], Image.Image]


def bring_to_working_mode(image: Image.Image, context: StepContext) -> Image.Image:
    return to_working_mode(image)


def cut_and_resample(image: Image.Image, context: StepContext) -> Image.Image:
    pyramid = context.pyramid or Pyramid(image, 1, context.info.stored_size, ())
    return pyramid.cut(context.cut)


def separate_alpha(image: Image.Image, context: StepContext) -> Image.Image:
    return unpremultiply(image, grey=context.grey)


def turn_upright(image: Image.Image, context: StepContext) -> Image.Image:
    return make_upright(image, context.info.orientation)


def convert_to_srgb(image: Image.Image, context: StepContext) -> Image.Image:
    return image if context.embedded_profile else to_srgb(image, context.profile)


def apply_filter(image: Image.Image, context: StepContext) -> Image.Image:
    chosen = context.recipe.filter
    # A copy, because the picture may be a level that other renditions are cut from.
    return chosen.apply(image.copy()) if isinstance(chosen, Filter) else image


def unify_frame_modes(image: Image.Image, context: StepContext) -> Image.Image:
    mode = context.frame_mode
    return image if mode in (None, image.mode) else image.convert(mode)


def fit_to_format(image: Image.Image, context: StepContext) -> Image.Image:
    return fit(image, context.output_format, context.recipe.encoding.background)


# Cut first: the picture is small when it is turned and converted. Filter late: a filter sees an
# upright picture in sRGB.
STEPS: tuple[Step, ...] = (
    cut_and_resample,
    separate_alpha,
    turn_upright,
    convert_to_srgb,
    apply_filter,
    unify_frame_modes,
    fit_to_format,
)
FRAME_STEPS: tuple[Step, ...] = (bring_to_working_mode, *STEPS)


def run(steps: Sequence[Step], image: Image.Image, context: StepContext) -> Image.Image:
    for step in steps:
        image = step(image, context)
    return image
