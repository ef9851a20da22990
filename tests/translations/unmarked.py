"""Find texts for people that gettext does not see: in Python code, in templates, in scripts."""

import ast
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, TokenType

from tests.service.processes import CHECKOUT

from .catalogues import KEYWORDS, sources

# --- Python ---

# Arguments of any call, and names in any class, that hold a text for people.
TEXT_NAMES = {
    "default_detail",
    "detail_format",
    "empty_label",
    "headline",
    "help_text",
    "short_description",
    "site_header",
    "site_title",
    "verbose_name",
    "verbose_name_plural",
}
# Functions and exceptions whose argument at this position is shown to people.
TEXT_ARGUMENTS = {
    "Http404": 0,
    "PermissionDenied": 0,
    "ValidationError": 0,
    "debug": 1,
    "error": 1,
    "info": 1,
    "message_user": 1,
    "success": 1,
    "warning": 1,
}
# Of these, only those of `messages`: others are methods of a logger.
OF_MESSAGES = {"debug", "error", "info", "success", "warning"}
DESCRIBED = {"action", "display"}  # decorators of the admin
ERROR_TEXTS = {"default_error_messages", "error_messages"}
# Without a text of its own, each of these shows the English name of the attribute.
FIELD_TEXT = {"models": "verbose_name", "forms": "label"}
MODEL_TEXTS = {"verbose_name", "verbose_name_plural"}
OWN_FIELDS = {"PPOIField", "VersatileImageField"}


def unmarked_in_python(path: Path) -> Iterator[str]:
    """Yield each text of a module that is not an argument of a gettext function."""
    module = ast.parse(path.read_text())
    constants = dict(_assignments(module))
    for node in ast.walk(module):
        for text in _texts_of(node):
            if _is_bare(_resolved(text, constants)):
                yield f"{_place(path, text)}: {ast.unparse(text)}"
        for missing in _without_text(node):
            yield f"{_place(path, node)}: {missing}"


def _texts_of(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that a node shows to people."""
    if isinstance(node, ast.Call):
        yield from _texts_of_call(node)
    elif isinstance(node, ast.ClassDef):
        yield from _texts_of_class(node)
    elif isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", "") in TEXT_NAMES:
        yield node.value


def _texts_of_call(node: ast.Call) -> Iterator[ast.expr]:
    name, owner = _name_of(node.func)
    for keyword in node.keywords:
        if keyword.arg in {*TEXT_NAMES, "label"}:
            yield keyword.value
        if keyword.arg == "description" and name in DESCRIBED:
            yield keyword.value
        if keyword.arg in ERROR_TEXTS and isinstance(keyword.value, ast.Dict):
            yield from keyword.value.values
        if keyword.arg == "choices":
            yield from _labels(keyword.value)
    position = TEXT_ARGUMENTS.get(name, len(node.args))
    if position < len(node.args) and (name not in OF_MESSAGES or owner == "messages"):
        yield from _each(node.args[position])
    if _is_field(node, "models") and node.args and not name.endswith(("ForeignKey", "ToOneField")):
        yield node.args[0]


def _texts_of_class(node: ast.ClassDef) -> Iterator[ast.expr]:
    is_choices = any(_name_of(base)[0].endswith("Choices") for base in node.bases)
    for name, value in _assignments(node):
        if name in {*TEXT_NAMES, "description"}:
            yield value
        elif name in ERROR_TEXTS and isinstance(value, ast.Dict):
            yield from value.values
        elif is_choices and name.isupper():
            yield value.elts[-1] if isinstance(value, ast.Tuple) else value


def _without_text(node: ast.AST) -> Iterator[str]:
    """Yield what has no text, so that Django derives an English one from its name."""
    if isinstance(node, ast.Call):
        name, owner = _name_of(node.func)
        if owner == "admin" and name in DESCRIBED and "description" not in _keywords(node):
            yield f"admin.{name} has no description"
    elif isinstance(node, ast.ClassDef):
        yield from _fields_without_text(node)
        if any(_name_of(base) == ("Model", "models") for base in node.bases):
            for text in sorted(MODEL_TEXTS - _meta_names(node)):
                yield f"{node.name} has no {text}"


def _fields_without_text(node: ast.ClassDef) -> Iterator[str]:
    for name, value in _assignments(node):
        for package, text in FIELD_TEXT.items():
            if _is_field(value, package) and not _has_text(value, package, text):
                yield f"{node.name}.{name} has no {text}"


def _meta_names(model: ast.ClassDef) -> set[str]:
    inner = [node for node in model.body if isinstance(node, ast.ClassDef) and node.name == "Meta"]
    return {name for meta in inner for name, _ in _assignments(meta)}


def _is_field(node: ast.AST, package: str) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name, owner = _name_of(node.func)
    is_field = name.endswith(("Field", "ForeignKey"))
    return is_field and (owner == package or (package == "models" and name in OWN_FIELDS))


def _has_text(node: ast.expr, package: str, text: str) -> bool:
    assert isinstance(node, ast.Call)
    is_relation = _name_of(node.func)[0] == "ForeignKey"
    has_positional = package == "models" and bool(node.args) and not is_relation
    return has_positional or text in _keywords(node)


def _resolved(node: ast.expr, constants: dict[str, ast.expr]) -> ast.expr:
    """Return the value of a constant of the same module, or `node` itself."""
    if isinstance(node, ast.BinOp):
        node = node.left
    return constants.get(node.id, node) if isinstance(node, ast.Name) else node


def _is_bare(node: ast.expr) -> bool:
    """Whether a part of an expression is a literal text with letters."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and _has_words(node.value)
    if isinstance(node, ast.Call):
        name, _ = _name_of(node.func)
        if name in KEYWORDS:
            return any(isinstance(text, ast.JoinedStr) for text in node.args)
        return isinstance(node.func, ast.Attribute) and _is_bare(node.func.value)
    if isinstance(node, ast.BinOp):
        return _is_bare(node.left) or (isinstance(node.op, ast.Add) and _is_bare(node.right))
    if isinstance(node, ast.IfExp):
        return _is_bare(node.body) or _is_bare(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.Constant) and _is_bare(part) for part in node.values)
    return False


def _each(node: ast.expr) -> Iterable[ast.expr]:
    """Return the texts of an argument that may hold several: a list or a dictionary."""
    if isinstance(node, ast.List | ast.Tuple):
        return node.elts
    return node.values if isinstance(node, ast.Dict) else [node]


def _labels(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the second part of each choice in a literal list."""
    for choice in node.elts if isinstance(node, ast.List | ast.Tuple) else ():
        if isinstance(choice, ast.Tuple) and len(choice.elts) == 2:
            yield choice.elts[1]


def _assignments(node: ast.ClassDef | ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            target = (
                statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            )
            if isinstance(target, ast.Name):
                yield target.id, statement.value


def _keywords(node: ast.Call) -> set[str | None]:
    return {keyword.arg for keyword in node.keywords}


def _name_of(node: ast.expr) -> tuple[str, str]:
    """Return the name of a function or class, and that of the module or object that has it."""
    if isinstance(node, ast.Subscript):
        return _name_of(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr, _name_of(node.value)[0]
    return (node.id, "") if isinstance(node, ast.Name) else ("", "")


# --- Templates ---

TEXT_ATTRIBUTES = {
    "alt",
    "aria-description",
    "aria-label",
    "aria-roledescription",
    "aria-valuetext",
    "data-busy",
    "data-text",
    "label",
    "placeholder",
    "title",
}
LEFT_ALONE = {"blocktrans", "blocktranslate", "comment"}
# Of the admin: it holds the class names of <body>.
CLASSES_BLOCK = ["block", "bodyclass"]
# Filters whose argument is shown, or that know only English.
ENGLISH_FILTER = re.compile(r"""\|(default|default_if_none|yesno|pluralize):?["']?[^\W\d_]""")


def unmarked_in_template(path: Path) -> Iterator[str]:
    """Yield each text of a template that is not in a translate tag."""
    html, left_alone = "", ""
    for token in Lexer(path.read_text()).tokenize():
        tag = token.contents.split(maxsplit=1)[0] if token.contents.strip() else ""
        is_code = token.token_type in (TokenType.VAR, TokenType.BLOCK)
        if is_code and ENGLISH_FILTER.search(token.contents):
            yield f"{_name(path)}:{token.lineno}: {token.contents}"
        if token.token_type is TokenType.BLOCK:
            if tag in LEFT_ALONE or token.contents.split() == CLASSES_BLOCK:
                left_alone = tag
            elif tag == f"end{left_alone}":
                left_alone = ""
        elif token.token_type is TokenType.TEXT and not left_alone:
            html += token.contents
    parser = _Texts()
    parser.feed(html)
    parser.close()
    yield from (f"{_name(path)}: {text}" for text in parser.found)


class _Texts(HTMLParser):
    """Collects what a page shows: text, and attributes that are read or read out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in TEXT_ATTRIBUTES and value and _has_words(value):
                self.found.append(f'{name}="{value}"')

    def handle_data(self, data: str) -> None:
        if _has_words(data) and self.cdata_elem is None:
            self.found.append(" ".join(data.split()))


# --- Scripts ---

SHOWN_BY_SCRIPT = re.compile(
    r"""(?:\b(?:textContent|innerText|title|placeholder|ariaLabel)\s*=|\b(?:alert|confirm|prompt)\()"""
    r"""\s*["'`][^"'`]*[^\W\d_]{2}[^\n]*"""
)


def unmarked_in_script(path: Path) -> Iterator[str]:
    """Yield each text that a script shows; templates give scripts their texts in attributes."""
    for found in SHOWN_BY_SCRIPT.finditer(path.read_text()):
        yield f"{_name(path)}: {found[0].strip()}"


# --- All ---

FINDERS = {
    "*.py": unmarked_in_python,
    "*.html": unmarked_in_template,
    "*.js": unmarked_in_script,
}


def unmarked(room: str) -> list[str]:
    """Return where each unmarked text of a room is."""
    return [
        text
        for pattern, find in FINDERS.items()
        for path in sources(room, pattern)
        for text in find(path)
    ]


def _has_words(text: str) -> bool:
    """Whether there is a word in `text`, not only signs, numbers, letters and placeholders."""
    return bool(re.search(r"[^\W\d_]{2}", re.sub(r"\{\w*\}|%\(\w+\)s", "", text)))


def _place(path: Path, node: ast.AST) -> str:
    return f"{_name(path)}:{getattr(node, 'lineno', 0)}"


def _name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix() if path.is_relative_to(CHECKOUT) else path.name
