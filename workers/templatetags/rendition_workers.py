"""Numbers and times on the pages of the operator."""

from datetime import timedelta

from django import template
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext

from ..snapshot import Count

register = template.Library()

MINUTE_S = 60


@register.filter
def count(value: Count | int | float) -> str:
    """Return a number with separators: about 12,000."""
    if not isinstance(value, Count):
        return number_format(value, 0, force_grouping=True)
    number = number_format(value.number, 0, force_grouping=True)
    return number if value.is_exact else gettext("about %(number)s") % {"number": number}


@register.filter
def duration(seconds: float | None) -> str:
    """Return a time as people say it: 40 seconds, 3 minutes, 2 days; empty for None."""
    if seconds is None:
        return ""
    if seconds < MINUTE_S:
        whole = max(0, round(seconds))
        return ngettext("%(count)d second", "%(count)d seconds", whole) % {"count": whole}
    now = timezone.now()
    # It may be broken at the space.
    return timesince(now - timedelta(seconds=seconds), now, depth=1).replace("\xa0", " ")


@register.filter
def rate(per_s: float) -> str:
    """Return a speed: 12 a second, or 30 a minute if it is slow."""
    if per_s >= 1:
        return gettext("%(number)s a second") % {"number": count(per_s)}
    return gettext("%(number)s a minute") % {"number": count(per_s * MINUTE_S)}


@register.filter
def with_code(text: str) -> SafeString:
    """Show as code what stands between backticks."""
    parts = (
        format_html("<code>{}</code>", part) if number % 2 else part
        for number, part in enumerate(text.split("`"))
    )
    return format_html_join("", "{}", ((part,) for part in parts))
