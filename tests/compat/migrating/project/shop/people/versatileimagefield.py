from io import BytesIO

from PIL import Image, ImageOps
from versatileimagefield.datastructures import FilteredImage, SizedImage
from versatileimagefield.registry import versatileimagefield_registry


class LetterboxImage(SizedImage):
    """All of the picture, on a black ground of exactly the size asked for."""

    filename_key = "letterbox"

    def process_image(self, image, image_format, save_kwargs, width, height):
        imagefile = BytesIO()
        image = image.convert("RGB")
        image.thumbnail((width, height), Image.Resampling.LANCZOS)
        ground = Image.new("RGB", (width, height))
        ground.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
        ground.save(imagefile, **save_kwargs)
        return imagefile


class GreyImage(FilteredImage):
    """No colours; a hook sees JPEGs before."""

    def preprocess_JPEG(self, image, **kwargs):  # noqa: N802
        return ImageOps.autocontrast(image.convert("L")), {"quality": 90}

    def process_image(self, image, image_format, save_kwargs):
        imagefile = BytesIO()
        image.convert("L").save(imagefile, **save_kwargs)
        return imagefile


versatileimagefield_registry.register_sizer("letterbox", LetterboxImage)
versatileimagefield_registry.register_filter("grey", GreyImage)
