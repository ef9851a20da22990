import sys
from io import BytesIO

import pytest
from django import forms
from django.contrib.admin.widgets import AdminFileWidget
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from renditions.forms import (
    SizedImageCenterpointClickBootstrap3Field,
    SizedImageCenterpointClickDjangoAdminField,
    VersatileImageFormField,
    VersatileImagePPOIClickField,
)
from renditions.widgets import (
    DEFAULT_CROPS,
    ClearableFileInputWithImagePreview,
    SizedImageCenterpointClickBootstrap3Widget,
    SizedImageCenterpointClickDjangoAdminWidget,
    VersatileImagePPOIClickWidget,
    VersatileImagePPOISelectWidget,
)
from tests.app.models import Card, Person
from tests.conftest import four_corners

from .conftest import CountingStorage

pytestmark = pytest.mark.django_db


class CardForm(forms.ModelForm):
    class Meta:
        model = Card
        fields = ("title", "image", "back", "note")


class SelectForm(CardForm):
    image = VersatileImagePPOIClickField(widget=VersatileImagePPOISelectWidget)


def upload(name="new.jpg", data=None):
    return SimpleUploadedFile(name, four_corners(100, 50) if data is None else data)


def post(card=None, form=CardForm, files=None, **data):
    return form(data={"title": "one", **data}, files=files or {}, instance=card)


def test_a_new_upload_comes_with_its_point():
    """The cleaned data is a tuple of both."""
    form = post(files={"image_0": upload()}, image_1="0.25x0.75")

    assert form.is_valid(), form.errors
    file, ppoi = form.cleaned_data["image"]
    assert (type(file), ppoi) == (SimpleUploadedFile, "0.25x0.75")
    card = form.save()
    assert card.image.name == "cards/new.jpg"
    assert (card.ppoi, card.width, card.height) == ((0.25, 0.75), 100, 50)


def test_a_new_upload_needs_no_point():
    """Without one, the point is the centre."""
    form = post(files={"image_0": upload()})

    assert form.is_valid(), form.errors
    assert form.save().ppoi == (0.5, 0.5)


def test_an_unchanged_form_saves_no_file_again(card):
    form = post(card, image_0="", image_1="0.5x0.5")

    assert form.is_valid(), form.errors
    assert form.cleaned_data["image"] == (None, "0.5x0.5")
    assert form.changed_data == []
    assert form.save().image.name == "cards/a.jpg"


def test_a_point_can_change_without_a_new_file(card):
    form = post(card, image_1="0.25x0.25")

    assert form.changed_data == ["image"]
    saved = form.save()
    assert (saved.image.name, saved.ppoi) == ("cards/a.jpg", (0.25, 0.25))


def test_a_picture_can_be_cleared(card, picture):
    """If the field is optional, the file and its point are cleared."""
    card.back = picture("b.jpg")
    card.back.ppoi = (0, 0)
    card.save()

    form = post(card, **{"back_0-clear": "on", "back_1": "0.0x0.0"})

    assert form.is_valid(), form.errors
    assert form.cleaned_data["back"] == (False, "0.0x0.0")
    saved = form.save()
    assert (saved.back.name, saved.back_ppoi) == ("", (0.5, 0.5))


def test_a_required_picture_is_required():
    """It must be sent only if the row has none yet."""
    form = post(image_1="0.5x0.5")

    assert form.errors["image"] == ["This field is required."]


def test_a_required_picture_cannot_be_cleared(card):
    """The form shows no checkbox, and ignores one that is sent."""
    form = post(card, **{"image_0-clear": "on"})

    assert "ppoi-clear" not in str(form["image"])
    assert form.is_valid()
    assert form.save().image.name == "cards/a.jpg"


def test_clearing_and_choosing_together_is_an_error(card, picture):
    card.back = picture("b.jpg")
    card.save()
    form = post(card, files={"back_0": upload()}, **{"back_0-clear": "on"})

    assert "not both" in form.errors["back"][0]


@pytest.mark.parametrize("point", ["1.5x0", "nowhere", "0.5"])
def test_an_invalid_point_is_an_error_of_the_form(card, point):
    form = post(card, image_1=point)

    assert "is not a focal point" in form.errors["image"][0]
    assert str(form)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no picture", "Accepted formats: JPEG"),
        (b"", "empty"),
        (b"%!PS-Adobe-3.0\n", "Accepted formats: JPEG"),
    ],
)
def test_an_upload_that_is_no_picture_is_an_error(data, message):
    """The error gives the reason, whatever the name of the file is."""
    form = post(files={"image_0": upload("a.jpg", data)})

    assert message in form.errors["image"][0]


def test_a_form_shows_no_words_of_a_decoder():
    """An editor reads what to do; the words of the decoder are for logs and the admin."""
    data = b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xf0IDAT"

    form = post(files={"image_0": upload("a.png", data)})

    assert form.errors["image"] == ["The upload is incomplete. Upload the file again."]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize(("share", "accepted"), [(0.99, True), (0.5, False)])
def test_an_incomplete_upload_may_be_accepted(configure, file_format, share, accepted):
    """Of a JPEG, only the worker finds out how much is missing."""
    data = noise(file_format)
    files = {"image_0": upload(f"a.{file_format.lower()}", data[: int(len(data) * share)])}
    if file_format == "PNG":
        assert "incomplete" in post(files=files).errors["image"][0]

    configure(INCOMPLETE="accept")
    form = post(files=files)

    if accepted or file_format == "JPEG":
        assert form.is_valid(), form.errors
        file = form.cleaned_data["image"][0]
        assert file.content_type == f"image/{file_format.lower()}"
        assert file.image.size == (100, 200)
        assert form.save().width == 100
    else:
        assert form.errors["image"] == ["The upload is incomplete. Upload the file again."]


def noise(file_format: str) -> bytes:
    buffer = BytesIO()
    Image.effect_noise((100, 200), 90).save(buffer, file_format)
    return buffer.getvalue()


def test_an_upload_above_a_limit_is_refused(configure):
    """It is refused before it is saved."""
    configure(MAX_PIXELS=4999)

    form = post(files={"image_0": upload(), "note": upload()})

    assert "the limit is 4,999" in form.errors["image"][0]
    assert "the limit is 4,999" in form.errors["note"][0]


def test_a_form_with_errors_keeps_the_new_point(card):
    """It shows the current picture."""
    form = post(card, title="", image_1="0.25x0.75")

    assert not form.is_valid()
    html = str(form["image"])
    assert 'value="0.25x0.75"' in html
    assert "/media/__sized__/cards/a-thumbnail-300x300-70.jpg" in html


def test_a_form_with_errors_shows_the_current_picture_and_point_after_an_upload(card):
    """A browser does not send a chosen file again, and the new point belonged to it."""
    card.ppoi = (0, 0)
    card.save()

    form = post(card, title="", files={"image_0": upload()}, image_1="0.25x0.75")

    html = str(form["image"])
    assert 'value="0.0x0.0"' in html
    assert "cards/a.jpg" in html


def test_an_empty_form_has_not_changed():
    """Extra rows of an inline are not saved."""
    form = CardForm(data={"image_0": "", "image_1": "0.5x0.5", "back_1": ""}, empty_permitted=True,
                    use_required_attribute=False)  # fmt: skip

    assert form.changed_data == []


def test_has_changed_opens_no_file(card, field_storage, tmp_path):
    """The file may be missing."""
    default_storage.delete("cards/a.jpg")
    storage = field_storage("image", CountingStorage(tmp_path / "media"))

    form = post(Card.objects.get(), image_1="0.25x0.25")

    assert form.changed_data == ["image"]
    assert storage.calls["open"] == 0
    assert form.is_valid(), form.errors
    assert form.save().ppoi == (0.25, 0.25)


def test_a_disabled_field_ignores_what_is_sent(card):
    form = post(card, files={"image_0": upload()}, image_1="0.25x0.25")
    form.fields["image"].disabled = True

    assert form.is_valid(), form.errors
    assert form.changed_data == []
    saved = form.save()
    assert (saved.image.name, saved.ppoi) == ("cards/a.jpg", (0.5, 0.5))


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
@pytest.mark.parametrize("form", [CardForm, SelectForm])
def test_a_lost_or_broken_picture_breaks_no_form(card, content, form):
    """The picture can still be replaced."""
    default_storage.delete("cards/a.jpg")
    if content is not None:
        default_storage.save("cards/a.jpg", ContentFile(content))

    assert "cards/a.jpg" in str(form(instance=Card.objects.get()))


def test_a_storage_without_urls_breaks_no_form(card, field_storage, tmp_path):
    class Private(CountingStorage):
        def url(self, name):
            raise ValueError("no address")

    field_storage("image", Private(tmp_path / "media"))
    form = CardForm(instance=Card.objects.get())

    assert 'type="file"' in str(form["image"])


def test_form_data_of_the_old_package_can_be_saved(card):
    field = Card._meta.get_field("image")

    field.save_form_data(card, None)
    field.save_form_data(card, (None, None))
    field.save_form_data(card, (None, ""))
    assert (card.image.name, card.ppoi) == ("cards/a.jpg", (0.5, 0.5))
    field.save_form_data(card, (None, "0.1x0.2"))
    assert (card.image.name, card.ppoi) == ("cards/a.jpg", (0.1, 0.2))
    field.save_form_data(card, (upload(), "0.3x0.4"))
    assert (card.image.name, card.ppoi) == ("new.jpg", (0.3, 0.4))
    field.save_form_data(card, (False, "0.3x0.4"))
    assert (card.image.name, card.ppoi) == ("", (0.5, 0.5))
    field.save_form_data(card, upload("plain.jpg"))
    assert card.image.name == "plain.jpg"


@pytest.mark.parametrize(
    ("field", "widget"),
    [
        (VersatileImagePPOIClickField, VersatileImagePPOIClickWidget),
        (SizedImageCenterpointClickDjangoAdminField, SizedImageCenterpointClickDjangoAdminWidget),
        (SizedImageCenterpointClickBootstrap3Field, SizedImageCenterpointClickBootstrap3Widget),
    ],
)
def test_each_form_field_has_its_widget(card, field, widget):
    """It also works in a form without a model."""

    class ByHand(forms.ModelForm):
        image = field(label="A picture")

        class Meta:
            model = Card
            fields = ("title", "image")

    form = ByHand(instance=card)
    assert type(form.fields["image"].widget) is widget
    assert form.is_multipart()
    assert "renditions/ppoi.js" in str(form.media)
    assert "cards/a.jpg" in form.as_p()


def test_a_model_field_chooses_its_form_field():
    """It depends on the PPOI field, and the default of the admin does not override it."""
    with_point, without = Card._meta.get_field("image"), Card._meta.get_field("note")

    assert type(with_point.formfield()) is SizedImageCenterpointClickDjangoAdminField
    in_admin = with_point.formfield(widget=AdminFileWidget)
    assert type(in_admin.widget) is SizedImageCenterpointClickDjangoAdminWidget
    assert type(without.formfield()) is VersatileImageFormField
    assert type(without.formfield(widget=AdminFileWidget).widget) is AdminFileWidget
    own = with_point.formfield(form_class=forms.ImageField)
    assert type(own) is forms.ImageField


def test_the_previews_are_the_crops_of_the_declared_key_sets():
    """A field that declares none shows three shapes."""
    declared = Person._meta.get_field("headshot").formfield().widget
    undeclared = Card._meta.get_field("image").formfield().widget

    assert [str(size) for size in declared.crops] == ["120x60", "40x40", "30x30"]
    assert undeclared.crops == DEFAULT_CROPS


class ByHand(forms.ModelForm):
    image = VersatileImagePPOIClickField()
    back = SizedImageCenterpointClickBootstrap3Field()

    class Meta:
        model = Card
        fields = ("title", "image", "back")


class Strict(ByHand):
    back = VersatileImagePPOIClickField(required=True)


class Lax(ByHand):
    image = VersatileImagePPOIClickField(required=False)


class Plain(forms.Form):
    image = VersatileImagePPOIClickField()


@pytest.mark.parametrize(
    ("form", "required"),
    [(CardForm, {"image"}), (ByHand, {"image"}), (Strict, {"image", "back"}), (Lax, set()),
     (Plain, {"image"})],
)  # fmt: skip
def test_the_model_decides_whether_the_picture_is_required(form, required):
    """A form can override it."""
    assert set(form(data={"title": "one"}).errors) == required


def test_the_page_has_no_inline_script_or_style(card):
    """So it works with a strict Content-Security-Policy."""
    html = CardForm(instance=card).as_p()

    assert "<script" not in html
    assert "<style" not in html
    assert "style=" not in html
    assert " on" not in html.replace(" one", "")


def test_the_name_of_an_upload_is_escaped(card):
    card.image.name = 'cards/"><script>alert(1)</script>.jpg'

    assert "<script>" not in str(CardForm(instance=card)["image"])


def test_the_preview_has_its_own_widget(card):
    """A project can build a widget with it."""
    html = ClearableFileInputWithImagePreview().render("image", card.image)

    assert "a-thumbnail-300x300-70.jpg" in html
    assert "ppoi-point" not in html


# ---- an add form --------------------------------------------------------------------------------


def test_the_point_survives_an_add_form_that_comes_back():
    """A browser does not send the file again, but the person chooses the same picture again."""
    form = post(title="", files={"image_0": upload()}, image_1="0.2x0.8")

    assert not form.is_valid()
    assert 'value="0.2x0.8"' in str(form["image"])


@pytest.mark.parametrize("data", [b"no picture", b""])
def test_the_point_survives_a_file_that_is_refused(data):
    form = post(files={"image_0": upload(data=data)}, image_1="0.2x0.8")

    assert not form.is_valid()
    assert 'value="0.2x0.8"' in str(form["image"])


def test_a_point_without_a_picture_is_no_change():
    """An extra row of an inline that came back with a point can still be left empty."""
    form = CardForm(data={"image_1": "0.2x0.8"}, empty_permitted=True, use_required_attribute=False)

    assert form.changed_data == []


# ---- widgets of a project -----------------------------------------------------------------------

FILE_WIDGETS = [
    forms.FileInput,
    forms.ClearableFileInput,
    forms.ClearableFileInput(attrs={"class": "mine"}),
    AdminFileWidget(attrs={"class": "mine"}),
    type("MyAdminFileWidget", (AdminFileWidget,), {}),
]


def with_widget_in_meta(widget):
    class WithWidget(forms.ModelForm):
        class Meta:
            model = Card
            fields = ("title", "image")
            widgets = {"image": widget}

    return WithWidget


def with_widget_in_field(widget):
    class WithWidget(forms.ModelForm):
        image = VersatileImagePPOIClickField(widget=widget)

        class Meta:
            model = Card
            fields = ("title", "image")

    return WithWidget


@pytest.mark.parametrize("widget", FILE_WIDGETS)
@pytest.mark.parametrize("form_with", [with_widget_in_meta, with_widget_in_field])
def test_a_file_widget_of_the_project_gets_a_point_beside_it(card, widget, form_with):
    """It is the file part of the widget that sets the point."""
    form_class = form_with(widget)
    html = str(form_class(instance=card)["image"])
    assert html.count('type="file"') == 1
    assert "ppoi-point" in html
    assert not isinstance(widget, forms.Widget) or 'class="mine"' in html

    form = post(card, form_class, files={"image_0": upload()}, image_1="0.25x0.75")

    assert form.is_valid(), form.errors
    saved = form.save()
    assert (saved.image.name, saved.ppoi) == ("cards/new.jpg", (0.25, 0.75))


def test_a_widget_that_is_set_later_takes_a_file(card):
    """Without a point: a form of the project may set any widget on the finished field."""

    class Later(CardForm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.fields["image"].widget = forms.ClearableFileInput()
            self.fields["back"].widget = forms.ClearableFileInput()

    assert "cards/a.jpg" in str(Later(instance=card)["image"])
    form = post(card, Later, title="")
    assert form.changed_data == ["title"]
    assert "cards/a.jpg" in str(form["image"])
    form = post(card, Later, files={"image": upload(), "back": upload("b.jpg")})

    assert form.is_valid(), form.errors
    saved = form.save()
    assert (saved.image.name, saved.ppoi) == ("cards/new.jpg", (0.5, 0.5))
    form = post(card, Later, **{"back-clear": "on"})
    assert form.is_valid(), form.errors
    assert form.save().back.name == ""


def test_a_widget_of_two_parts_stays_as_it_is():
    """Such as one of ours, or one that a project wrote for the old package."""
    field = Card._meta.get_field("image")

    for widget in (VersatileImagePPOISelectWidget, VersatileImagePPOISelectWidget()):
        assert type(field.formfield(widget=widget).widget) is VersatileImagePPOISelectWidget


# ---- messages of a project ----------------------------------------------------------------------

OWN_MESSAGES = {
    "required": "We need a portrait.",
    "invalid_image": "That is 100% not a portrait.",
    "empty": "Nothing in there.",
    "missing": "Where is it?",
    "max_length": "Too long a name.",
    "contradiction": "Which one?",
}


class InMeta(forms.ModelForm):
    class Meta:
        model = Card
        fields = ("title", "image", "note")
        error_messages = {"image": OWN_MESSAGES, "note": OWN_MESSAGES}


class Declared(forms.ModelForm):
    image = VersatileImagePPOIClickField(error_messages=OWN_MESSAGES, max_length=100)
    note = VersatileImageFormField(required=False, error_messages=OWN_MESSAGES, max_length=100)

    class Meta:
        model = Card
        fields = ("title", "image", "note")


class SetLater(CardForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name in ("image", "note"):
            self.fields[name].error_messages = {
                **self.fields[name].error_messages,
                **OWN_MESSAGES,
            }


@pytest.mark.parametrize("form_class", [InMeta, Declared, SetLater])
@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "required"),
        ({"image_0": upload(data=b"no picture"), "note": upload(data=b"no")}, "invalid_image"),
        ({"image_0": upload(data=b""), "note": upload(data=b"")}, "empty"),
        ({"image_0": upload(f"{'a' * 120}.jpg"), "note": upload(f"{'a' * 120}.jpg")}, "max_length"),
    ],
)
def test_the_messages_of_a_project_hold(form_class, files, code):
    """With a focal point and without."""
    for file in files.values():
        file.seek(0)
    form = post(form=form_class, files=files)

    assert form.errors["image"] == [OWN_MESSAGES[code]]
    assert "note" not in files or form.errors["note"] == [OWN_MESSAGES[code]]


def test_a_contradiction_is_told_in_the_words_of_the_project(card):
    card.title = "one"

    class Own(forms.ModelForm):
        class Meta:
            model = Card
            fields = ("title", "back")
            error_messages = {"back": OWN_MESSAGES}

    card.back = card.image.name
    card.save()
    form = post(card, Own, files={"back_0": upload()}, **{"back_0-clear": "on"})

    assert form.errors["back"] == ["Which one?"]


def test_each_field_can_tell_its_messages():
    """As Django's own: something that reads them finds every code of an image."""
    field = Card._meta.get_field("image").formfield()

    assert set(forms.ImageField().error_messages) <= set(field.error_messages)


@pytest.mark.parametrize("name", ["image", "note"])
def test_the_allowed_types_are_those_of_the_setting(configure, name):
    """The names of files, too: Django lists every format that Pillow knows."""
    configure(FORMATS=["PNG", "JPEG"])
    key = "image_0" if name == "image" else name
    form = post(files={key: upload("a.gif")})

    [text] = form.errors[name]
    assert "“gif”" in text
    allowed = text.rpartition(":")[2].strip(" .").split(", ")
    assert {"png", "jpg", "jpeg"} <= set(allowed)
    assert not {"gif", "bmp", "pdf", "webp", "eps"} & set(allowed)


@pytest.mark.parametrize("name", ["a.jpg", "A.JPEG", "a.jfif", "a.png", "a.mpo"])
def test_a_usual_name_of_an_accepted_format_is_accepted(name):
    """The content was looked at already."""
    form = post(files={"image_0": upload(name)})

    assert form.is_valid(), form.errors


@pytest.mark.parametrize("name", ["a.heic", "A.HEIF", "a.hif", "a.jpg"])
def test_a_heic_is_accepted(name):
    """Some senders name it .jpg. Django would ask Pillow, which does not know it."""
    form = post(files={"image_0": upload(name, four_corners(100, 50, "HEIC"))})

    assert form.is_valid(), form.errors
    file, _ = form.cleaned_data["image"]
    assert (file.image.size, file.content_type) == ((100, 50), "image/heic")
    card = form.save()
    assert (card.width, card.height) == (100, 50)
    with card.image.open() as saved:
        assert saved.read() == four_corners(100, 50, "HEIC")


def test_a_browser_offers_the_files_that_its_system_does_not_know(configure):
    """Only Apple's systems know that a HEIC is a picture."""

    def widget():
        return VersatileImageFormField().widget.render("image", None)

    assert 'accept="image/*,.heic,.heif,.hif"' in widget()
    configure(FORMATS=["JPEG"])
    assert 'accept="image/*"' in widget()


def test_an_upload_that_cannot_be_read_here_is_refused(monkeypatch, configure):
    """The person who uploads is told what to choose instead, and not what to install."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    configure(FORMATS=["JPEG", "PNG", "HEIF"])

    form = post(files={"image_0": upload("a.jpg", four_corners(100, 50, "HEIC"))})

    [text] = form.errors["image"]
    assert "The file is HEIF. Accepted formats: JPEG, PNG." in text
    assert "pip" not in text


# ---------------------------------------------------------------- nine points


def test_the_nine_points_have_the_right_names(card):
    """x comes first: from the left, then from the top."""
    html = str(SelectForm(instance=card)["image"])

    assert '<option value="0.5x0.0">Top centre</option>' in html
    assert '<option value="0.5x0.5" selected>Centre</option>' in html
    assert html.count("<option") == 9


def test_a_chosen_point_is_saved(card):
    """It needs no JavaScript."""
    form = post(card, SelectForm, image_1="0.0x1.0")

    assert form.is_valid(), form.errors
    assert form.save().ppoi == (0.0, 1.0)


def test_a_point_that_is_none_of_the_nine_is_not_lost(card):
    """A save that changes another field keeps it."""
    card.ppoi = (0.3, 0.7)
    html = str(SelectForm(instance=card)["image"])

    assert '<option value="0.3x0.7" selected>Another point (0.3, 0.7)</option>' in html


def test_without_a_picture_the_centre_is_chosen():
    assert '<option value="0.5x0.5" selected>' in str(SelectForm()["image"])
