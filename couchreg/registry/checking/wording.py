"""What frictionless says of a descriptor, in words for who wrote it and with the member it is about.

Only in the child process.

It speaks of values as Python writes them, and of lists as a whole: which member of which item it means is
looked up here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from frictionless import fields

from couchreg.package.report import shown

_LONGEST = 4000  # characters of a note that is looked through
_PLACE = r"(?: at (?:property '(?P<place>[^']+)'|(?P<own>\S+?)))"
_TYPE = re.compile(r".* is not of type ('[a-z]+'(?:, '[a-z]+')*)" + _PLACE + r"\.?", re.DOTALL)
# What else is said of a value, and what it has to be; `{}` is what the expression found.
_OTHERS = tuple(
    (re.compile(words + _PLACE + r"\.?", re.DOTALL), wanted)
    for words, wanted in (
        (r".* is not one of \[(.*)\]", "it has to be one of {}"),
        (r".* (?:should be non-empty|is too short)", "it has to have an item, or leave it out"),
        (r".* is less than the minimum of (\d+)", "it has to be {} at least"),
        (r".* does not match '(.*)'", "it has characters that may not be there (they have to match {})"),
        (r".* has non-unique elements", "it has the same item twice"),
        (r".* is not valid under any of the given schemas", "its form is none that it may have"),
    )
)
_FORMS = {  # of members that may have one of several
    "missingValues": 'write a list of strings, as in ["", "-"], or in version 2 of objects with a “value”',
}
_REQUIRED = re.compile(r"'([^']+)' is a required property" + _PLACE + r"?\.?")
_NAMES = {
    "string": "a string",
    "array": "a list",
    "object": "an object",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
_EMAIL = re.compile(r'[Pp]roperty "(contributors|sources)\[\]\.email" is not valid "email"\.?')
_NAME = re.compile(r".* does not match '\^\(\[-a-z0-9._/\]\)\+\$' at property 'name'\.?(.*)", re.DOTALL)
_CREATED = re.compile(r'[Pp]roperty "created" is not valid "datetime"\.?')
_LICENSE = re.compile(r'[Ll]icense requires "path" or "name".*', re.DOTALL)
_MISPLACED = re.compile(r'"([A-Za-z]+)" should be set as "([A-Za-z.]+)"\.?')
_TABULAR = re.compile(r'[Pp]rofile "(tabular-data-resource)" requires "(schema)" to be present\.?')
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

_EMAILS = fields.StringField(name="email", format="email")


class Told(NamedTuple):
    """A sentence, and the member it is about, None where that is not known."""

    message: str
    field: str | None


def told(notes: Iterable[str], members: Mapping[str, Any]) -> Iterator[Told]:
    """Notes of frictionless's about these members of a piece of a descriptor: one for each item they mean."""
    licenses = False
    for note in map(_short, notes):
        if not _LICENSE.fullmatch(note):
            yield from _told(note, members)
        elif not licenses:  # one note has all items looked at, and there is one for each
            licenses = True
            yield from _licenses(note, members.get("licenses"))


def _short(note: str) -> str:
    """A note without the middle of the long value it begins with: what is said of it stands at the end."""
    return note if len(note) <= _LONGEST else f"{note[: _LONGEST // 4]}…{note[-_LONGEST // 2 :]}"


def _told(note: str, members: Mapping[str, Any]) -> Iterator[Told]:
    if found := _TYPE.fullmatch(note):
        place = (found["place"] or found["own"]).split("/")
        wanted = " or ".join(_NAMES.get(name, name) for name in re.findall(r"[a-z]+", found[1]))
        yield Told(f"“{_path(place)}” is {shown(_at(members, place))}: it has to be {wanted}.", place[0])
    elif found := _REQUIRED.fullmatch(note):
        place = (found["place"] or found["own"] or "").split("/")
        where = f"“{_path(place)}”" if place[0] else "It"
        yield Told(f"{where} has no “{found[1]}”, which it needs.", place[0] or None)
    elif told := _other(note, members):
        yield told
    elif found := _EMAIL.fullmatch(note):
        yield from _emails(note, found[1], members.get(found[1]))
    elif found := _NAME.fullmatch(note):
        _, _, example = found[1].partition("as in ")
        newer = f", or state version 2, which allows others, in the package: {example.rstrip('.')}"
        words = "has other characters than small letters, digits, -, . and _: write it with these"
        name = shown(members.get("name"))
        yield Told(f"“name” is {name}, which {words}{newer if example else ''}.", "name")
    elif found := _MISPLACED.fullmatch(note):
        place = found[2].removeprefix("resource.")
        whose = " of a resource" if place != found[2] else ""
        yield Told(f"“{found[1]}” belongs into “{place}”{whose}: move it there.", found[1])
    elif found := _TABULAR.fullmatch(note):
        words = f"state one, or leave “profile” out, which is {found[1]}"
        yield Told(f"The resource has no “{found[2]}”, which its profile demands: {words}.", found[2])
    elif _CREATED.fullmatch(note):
        stated = members.get("created")
        day = stated if isinstance(stated, str) and _DAY.fullmatch(stated) else "2024-12-31"
        yield Told(f"“created” is {shown(stated)}: write day and time, as in {day}T00:00:00Z.", "created")
    else:
        yield Told(note, None)


def _other(note: str, members: Mapping[str, Any]) -> Told | None:
    for words, wanted in _OTHERS:
        if found := words.fullmatch(note):
            place = (found["place"] or found["own"]).split("/")
            said = _FORMS.get(place[0]) if "its form" in wanted else None
            said = said or wanted.format(*found.groups())
            return Told(f"“{_path(place)}” is {shown(_at(members, place))}: {said}.", place[0])
    return None


def _emails(note: str, member: str, items: Any) -> Iterator[Told]:
    wrong = [
        (number, item["email"])
        for number, item in enumerate(items if isinstance(items, list) else ())
        if isinstance(item, dict) and item.get("email") and not _is_mail(item["email"])
    ]
    for number, email in wrong:
        yield Told(f"“{member}[{number}].email” is {shown(email)}, which is no address of e-mail.", member)
    if not wrong:
        yield Told(note, member)


def _is_mail(value: Any) -> bool:
    return bool(_EMAILS.read_cell(value)[1] is None)


# What the members of a licence were called before version 1 of the standard.
_OLD_OF_LICENSES = {"url": "path", "web": "path", "id": "name", "type": "name"}


def _licenses(note: str, items: Any) -> Iterator[Told]:
    listed = items if isinstance(items, list) else []
    wrong = [
        number
        for number, item in enumerate(listed)
        if isinstance(item, dict) and not item.get("path") and not item.get("name")
    ]
    for number in wrong:
        words = "it needs a “name”, as in CC-BY-4.0, or a “path”."
        old = next((name for name in _OLD_OF_LICENSES if isinstance(listed[number].get(name), str)), None)
        if old is not None:
            words = f"“{old}” is called “{_OLD_OF_LICENSES[old]}” since version 1: rename it."
        yield Told(f"“licenses[{number}]” is {shown(listed[number])}: {words}", "licenses")
    if not wrong:
        yield Told(note, "licenses")


def _path(place: list[str]) -> str:
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in place).removeprefix(".")


def _at(value: Any, place: list[str]) -> Any:
    for step in place:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
    return value
