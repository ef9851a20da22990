"""A Celery task of the project."""

from celery import shared_task

from workers.conf import QUEUE

from .models import Picture
from .receivers import note


@shared_task(name="chaos.read", ignore_result=True)
def read(pk: int) -> None:
    """Note whether the row is there."""
    note("task", pk=pk, found=Picture.objects.filter(pk=pk).exists())


def send_read(pk: int) -> None:
    read.apply_async((pk,), queue=QUEUE, retry=False)
