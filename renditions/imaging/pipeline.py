"""The pipeline: what is done to a decoded picture, step by step, until a format can hold it.

A still picture is decoded once and brought to a working mode; then each of its renditions takes the
`STEPS`. Of an animation that is kept, each frame takes the `FRAME_STEPS` for each rendition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from .colour import to_srgb
from .encoding import fit
from .filters import Filter
from .formats import Encoding, Format
from .headers.icc import Profile
from .modes import to_working_mode, unpremultiply
from .orientation import make_upright
from .pyramid import Pyramid, StoredCut
from .sources import SourceInfo


@dataclass(frozen=True, slots=True)
class StepContext:
    """What the steps of one rendition need to know, besides the picture."""

    info: SourceInfo
    cut: StoredCut
    pyramid: Pyramid | None  # None: the rendition is cut from the picture itself, a frame
    grey: bool  # the original has no colours
    frame_mode: str | None  # that all frames of an animation share; None: a still picture
    profile: Profile | None  # in which the colours are meant; None: sRGB
    embedded_profile: bytes | None  # None: the colours are converted to sRGB
    filter: Filter | None
    row: Format
    encoding: Encoding


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
    # A copy, because the picture may be a level that other renditions are cut from.
    return context.filter.apply(image.copy()) if context.filter else image


def unify_frame_modes(image: Image.Image, context: StepContext) -> Image.Image:
    mode = context.frame_mode
    return image if mode in (None, image.mode) else image.convert(mode)


def fit_to_format(image: Image.Image, context: StepContext) -> Image.Image:
    return fit(image, context.row, context.encoding.background)


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
