import strawberry
import strawberry_django
from django.urls import path
from strawberry import auto
from strawberry.django.views import GraphQLView
from strawberry_django import DjangoImageType

from tests.neighbours.examples import module_of

from .models import Photo

example = module_of("strawberry-graphql-django", "tests.neighbours.strawberry.schema")


@strawberry_django.filter_type(Photo)
class Where:
    ppoi: auto


@strawberry_django.type(Photo, filters=Where)
class Draft:
    """A photo that may be without a picture."""

    title: auto
    image: DjangoImageType | None


@strawberry.type
class Query(example.Query):
    drafts: list[Draft] = strawberry_django.field()


schema = strawberry.Schema(
    Query, example.Mutation, extensions=[strawberry_django.optimizer.DjangoOptimizerExtension]
)
urlpatterns = [
    path("graphql/", GraphQLView.as_view(schema=example.schema, multipart_uploads_enabled=True)),
    path("drafts/", GraphQLView.as_view(schema=schema)),
]
