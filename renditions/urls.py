"""The URLs of missing renditions. Include them at the path of MEDIA_URL:

    path("media/", include("renditions.urls"))

With `{"storage": "renditions"}` as a third argument, only this storage is served there, whatever
its URLs are.
"""

from django.urls import path

from . import views

app_name = "renditions"

urlpatterns = [path("<path:path>", views.rendition, name="rendition")]
