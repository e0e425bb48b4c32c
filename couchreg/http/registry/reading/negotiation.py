"""Which view of a thing a client wants: JSON as ever, or linked data in a vocabulary and a form.

`?profile=` names views by a word or by their URI, several joined by commas or blanks. Without it the Accept
header decides, whose `application/ld+json` may carry a `profile` of URIs. JSON wins where a client has no
preference.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-accept,
https://www.w3.org/TR/json-ld11/#iana-considerations.
"""

import re
from collections.abc import Collection, Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from couchreg.errors import NotAcceptable
from couchreg.http.registry.frame.describing import HTML, JSON, LINKED
from couchreg.registry.linked.contexts import CROISSANT, DCAT_AP
from couchreg.registry.linked.forms import Form
from couchreg.wire import fields


class Vocabulary(StrEnum):
    SCHEMA_ORG = "schema.org"
    DCAT_AP = "dcat-ap"
    CROISSANT = "croissant"


VOCABULARIES = {
    Vocabulary.SCHEMA_ORG: "https://schema.org/",
    Vocabulary.DCAT_AP: DCAT_AP,
    Vocabulary.CROISSANT: CROISSANT,
}
FORMS = {form: f"http://www.w3.org/ns/json-ld#{form}" for form in Form}
_BY_NAME: dict[str, Vocabulary | Form] = {
    **{str(word): word for word in (*Vocabulary, *Form)},
    **{uri.rstrip("/"): word for known in (VOCABULARIES, FORMS) for word, uri in known.items()},
    "http://schema.org": Vocabulary.SCHEMA_ORG,
}
MOST = 50  # kinds in an Accept header that are read


class LinkedView(NamedTuple):
    """A linked-data view."""

    vocabulary: Vocabulary = Vocabulary.SCHEMA_ORG
    form: Form = Form.COMPACTED

    @property
    def content_type(self) -> str:
        """As the answer states it: the form, and the vocabulary where it is not schema.org."""
        uris = [FORMS[self.form]]
        if self.vocabulary is not Vocabulary.SCHEMA_ORG:
            uris.append(VOCABULARIES[self.vocabulary])
        return f'{LINKED}; profile="{" ".join(uris)}"'


def wanted_view(
    profile: str | None, accept: str | None, offered: Collection[Vocabulary]
) -> LinkedView | None:
    """The view, None for JSON. Raises NotAcceptable when nothing that is offered will do."""
    if profile is not None:
        view = view_of(profile)
        if view is None or view.vocabulary not in offered:
            raise NotAcceptable(f"There is no profile {profile[:200]!r}: {_offer(offered)}.")
        return view
    if accept is None or not accept.strip():
        return None
    return _by_header(accept, tuple(offered))


def view_of(profile: str) -> LinkedView | None:
    """The view that words or URIs name, None when one of them is unknown."""
    view = LinkedView()
    for name in re.split(r"[,\s]+", profile.strip()):
        word = _BY_NAME.get(name.rstrip("/"))
        if isinstance(word, Vocabulary):
            view = view._replace(vocabulary=word)
        elif isinstance(word, Form):
            view = view._replace(form=word)
        else:
            return None
    return view


@lru_cache(maxsize=256)
def prefers_page(accept: str) -> bool:
    """Whether an Accept header names HTML and wants nothing that programs get as much: what browsers send."""
    best = dict.fromkeys((HTML, JSON), 0.0)
    for kind in _kinds(accept):
        word = HTML if kind.name in (HTML, "application/xhtml+xml") else JSON
        if word == HTML or kind.name in (JSON, LINKED):
            best[word] = max(best[word], kind.quality)
    return best[HTML] > best[JSON]


class _Kind(NamedTuple):
    """One media range of an Accept header."""

    name: str
    quality: float
    profile: str | None


class _Choice(NamedTuple):
    """What may be answered; of choices with the same quality the one stated first is taken."""

    quality: float
    place: int
    view: LinkedView | None


@lru_cache(maxsize=256)  # most clients send one of a few
def _by_header(accept: str, offered: tuple[Vocabulary, ...]) -> LinkedView | None:
    choices = list(_choices(list(_kinds(accept)), offered))
    best = max(choices, key=lambda choice: (choice.quality, -choice.place), default=None)
    if best is None or best.quality <= 0:
        raise NotAcceptable(f"There are {JSON} and {_offer(offered)}, none of which is accepted.")
    return best.view


def _choices(kinds: list[_Kind], offered: Collection[Vocabulary]) -> Iterator[_Choice]:
    """Of `*/*` comes what nothing more is said of, JSON first, after all that is named."""
    named = {kind.name for kind in kinds}
    for place, kind in enumerate(kinds):
        if kind.name == JSON:
            yield _Choice(kind.quality, place, None)
        elif kind.name == LINKED:
            view = LinkedView() if kind.profile is None else view_of(kind.profile)
            if view is not None and view.vocabulary in offered:
                yield _Choice(kind.quality, place, view)
        elif kind.name in ("application/*", "*/*") and not {JSON, LINKED} <= named:
            yield _Choice(kind.quality, MOST + place, LinkedView() if JSON in named else None)


def _kinds(accept: str) -> Iterator[_Kind]:
    for member in islice(fields.members(accept), MOST):
        name, parameters = fields.item(member)
        if name:
            yield _Kind(name, _quality(parameters.get("q", "1")), parameters.get("profile"))


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 0.0


def _offer(offered: Collection[Vocabulary]) -> str:
    return f"{LINKED} as {', '.join(offered)}, {', '.join(Form)}"
