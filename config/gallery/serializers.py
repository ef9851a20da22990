"""Photos as the API takes and gives them."""

from typing import Any

from rest_framework import serializers

from renditions.ppoi import parse_ppoi, ppoi_text
from renditions.serializers import VersatileImageFieldSerializer

from .models import Photo
from .progress import KEY_SET, progress_of
from .uploads import check_picture


class PhotoSerializer(serializers.ModelSerializer):
    """A photo, the addresses of its renditions, and how far they are."""

    # By this name also the `Location` of the answer to an upload.
    url = serializers.HyperlinkedIdentityField(view_name="gallery:api-photo")
    page = serializers.HyperlinkedIdentityField(view_name="gallery:photo")
    image = VersatileImageFieldSerializer(sizes=KEY_SET, read_only=True)
    warm = serializers.SerializerMethodField()

    class Meta:
        model = Photo
        fields = ["id", "url", "page", "title", "image", "warm"]
        read_only_fields = fields

    def get_warm(self, photo: Photo) -> dict[str, Any]:
        """Return the state, and which paths are made and which are not, and why not."""
        progress = progress_of(photo)
        return {
            "state": progress.state,
            "created": progress.created,
            "failed": [{"path": made.path, "reason": made.reason} for made in progress.failed],
        }


class PPOISerializerField(serializers.Field):
    """A focal point as `0.25x0.75`."""

    def to_internal_value(self, data: Any) -> tuple[float, float]:
        """Return the tuple, or raise ValidationError with what a focal point looks like."""
        return parse_ppoi(data)

    def to_representation(self, value: tuple[float, float]) -> str:
        """Return the text."""
        return ppoi_text(value)


class UploadSerializer(serializers.Serializer):
    """What it takes to add a photo."""

    title = serializers.CharField(max_length=120)
    image = serializers.FileField(validators=[check_picture])
    ppoi = PPOISerializerField(required=False)

    def create(self, validated_data: dict[str, Any]) -> Photo:
        """Return the photo, saved; its renditions are owed from then on."""
        ppoi = validated_data.pop("ppoi", None)
        photo = Photo(**validated_data)
        if ppoi:
            photo.image_ppoi = ppoi
        photo.save()
        return photo

    def to_representation(self, instance: Photo) -> dict[str, Any]:
        """Return the photo as it is given out."""
        return PhotoSerializer(instance, context=self.context).data
