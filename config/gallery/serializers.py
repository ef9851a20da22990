"""Photos as the API reads and writes them."""

from typing import Any

from rest_framework import serializers

from renditions.serializers import PPOISerializerField, VersatileImageFieldSerializer

from .models import Photo
from .progress import KEY_SET, progress_of
from .uploads import check_picture


class PhotoSerializer(serializers.ModelSerializer):
    """A photo, the URLs of its renditions, and their state."""

    # The answer to an upload has this URL in its `Location` header: REST framework takes it from
    # the field `url`.
    url = serializers.HyperlinkedIdentityField(view_name="gallery:api-photo")
    page = serializers.HyperlinkedIdentityField(view_name="gallery:photo")
    image = VersatileImageFieldSerializer(sizes=KEY_SET, read_only=True)
    warm = serializers.SerializerMethodField()

    class Meta:
        model = Photo
        fields = ["id", "url", "page", "title", "image", "warm"]
        read_only_fields = fields

    def get_warm(self, photo: Photo) -> dict[str, Any]:
        """Return the state, the paths that are made, and why others failed.

        The reason is in the language of the request; the detail is always in English.
        """
        progress = progress_of(photo)
        return {
            "state": progress.state,
            "created": progress.created,
            "failed": [
                {"path": rendition.path, "reason": rendition.reason, "detail": rendition.detail}
                for rendition in progress.failed
            ],
        }


class UploadSerializer(serializers.Serializer):
    """The fields of an upload."""

    title = serializers.CharField(max_length=120)
    image = serializers.FileField(validators=[check_picture])
    ppoi = PPOISerializerField(required=False)

    def create(self, validated_data: dict[str, Any]) -> Photo:
        """Save the photo; the save enqueues its renditions."""
        ppoi = validated_data.pop("ppoi", None)
        photo = Photo(**validated_data)
        if ppoi:
            photo.image_ppoi = ppoi
        photo.save()
        return photo

    def to_representation(self, instance: Photo) -> dict[str, Any]:
        """Answer with the saved photo, not with the fields of the upload."""
        return PhotoSerializer(instance, context=self.context).data
