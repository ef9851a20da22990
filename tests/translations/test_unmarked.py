"""The finder of unmarked texts finds them, and nothing else."""

from pathlib import Path

import pytest

from .unmarked import unmarked_in_python, unmarked_in_script, unmarked_in_template


@pytest.mark.parametrize(
    "code",
    [
        'raise ValidationError("The file is too large.")',
        'raise ValidationError(f"{name} is too large.")',
        'TEXT = "%s is too large."\nraise forms.ValidationError(TEXT % name)',
        'raise ValidationError(_(f"{name} is too large."))',
        'raise ValidationError({"image": "Too large."})',
        'messages.success(request, "Saved.")',
        'self.message_user(request, "Saved.")',
        'class A(models.Model):\n  x = models.TextField("text")\n  class Meta: '
        "verbose_name = verbose_name_plural = x",
        'forms.CharField(help_text="A title.")',
        'PPOIField(verbose_name="focal point")',
        '@admin.display(description="preview")\ndef f(self): ...',
        "@admin.display(ordering='x')\ndef f(self): ...",
        "class F(forms.Form):\n  title = forms.CharField()",
        'class S(models.TextChoices):\n  DONE = "done", "Done"',
        'class S(models.TextChoices):\n  DONE = "done"',
        'class A(AppConfig):\n  verbose_name = "Renditions"',
        'class E(RenditionError):\n  headline = "The file is too large."',
        'forms.ChoiceField(label=_("x"), choices=[("a", "First")])',
        'FileField(error_messages={"required": "Choose a file."})',
    ],
)
def test_unmarked_python_is_found(tmp_path: Path, code: str):
    """Each way to write a text for people without gettext is found."""
    path = tmp_path / "example.py"
    path.write_text(code)

    assert list(unmarked_in_python(path))


def test_marked_python_is_left_alone(tmp_path: Path):
    """Marked texts, names, and texts for developers are not reported."""
    path = tmp_path / "example.py"
    path.write_text(
        'raise ValidationError(_("Too large: %(n)s."), code="too_large", params={"n": n})\n'
        'raise ValidationError(gettext("%s is too large.") % name)\n'
        'logger.warning("No preview of %s", name)\n'
        'raise ValueError("width must be positive")\n'
        'class A(AppConfig):\n  name = "config.gallery"\n  label = "gallery"\n'
        'class F(forms.Form):\n  title = forms.CharField(label=_("Title"))\n'
        'class S(models.TextChoices):\n  DONE = "done", _("Done")\n'
        'forms.ChoiceField(choices=[(label, label) for label in labels], label=_("Field"))\n'
    )

    assert list(unmarked_in_python(path)) == []


@pytest.mark.parametrize(
    "template",
    [
        "<p>All photos</p>",
        '<img src="a.jpg" alt="A harbour">',
        '{% load i18n %}<nav aria-label="Pages">{% translate "Newer" %}</nav>',
        '{{ title|default:"no title" }}',
        "{{ count }} {% if count %}photo{{ count|pluralize }}{% endif %}",
        "{% block bodyclass %}wide{% endblock %}{% block title %}Photos{% endblock %}",
    ],
)
def test_unmarked_template_is_found(tmp_path: Path, template: str):
    """Text between tags and in attributes that people read is found."""
    path = tmp_path / "example.html"
    path.write_text(template)

    assert list(unmarked_in_template(path))


def test_marked_template_is_left_alone(tmp_path: Path):
    """Translated text, code, addresses and values are not reported."""
    path = tmp_path / "example.html"
    path.write_text(
        '{% load i18n %}<!doctype html><p class="error" title="{% translate "Why" %}">{{ reason }}'
        "{# A comment #}{% comment %}Another{% endcomment %}</p><script>const word = 1;</script>"
        "{% blocktranslate with n=n %}Page {{ n }}{% endblocktranslate %} {{ n }} / {{ m }} x"
        '{% if state == "failed" %}<a href="/photos/">{% translate "Photos" %}</a>{% endif %}'
        '{{ a|default:"-" }}'
        "{% block bodyclass %}{{ block.super }} app-one model-two{% endblock %}"
    )

    assert list(unmarked_in_template(path)) == []


@pytest.mark.parametrize(
    "script", ['button.textContent = "Uploading";', "alert('It failed.')", "x.title = `Photo`"]
)
def test_unmarked_script_is_found(tmp_path: Path, script: str):
    """A text that a script shows is found."""
    path = tmp_path / "example.js"
    path.write_text(script)

    assert list(unmarked_in_script(path))
