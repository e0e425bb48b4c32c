"""A data package's descriptor: what must hold before its data is looked at. Pure.

Checked here is what the registry itself depends on: names, paths that stay inside the package, and
references that would make somebody fetch something. The rest of the specification is checked with
`frictionless` in a worker (`worker.py`).

Source: https://specs.frictionlessdata.io/data-package/ and https://datapackage.org/standard/.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from couchreg.errors import BadRequest
from couchreg.package.names import version_id
from couchreg.package.paths import (
    DESCRIPTOR,
    LOGIN_FAULT,
    file_fault,
    has_login,
    is_url,
    plain_path,
    url_fault,
)
from couchreg.package.references import addresses, references
from couchreg.package.report import Report, problem, refusal, shown

# What `couchreg init` writes for people to replace.
PLACEHOLDER = "What this data is about, where it comes from, and what to know before using it."
OWN = "couchreg"  # the member of a version document that is the registry's
MAX_RESOURCE_NAME = 200  # characters of a resource's name
MAX_RESOURCES = 20_000
MAX_MEMBERS = 1_000
MAX_DEPTH = 64  # of nested objects and lists; libraries that walk them recursively stop soon after
_WEB = ("http", "https", "ftp", "ftps")
# Of OWN: the members of a descriptor whose names begin with “_”, which CouchDB keeps for its own.
UNDERSCORED = "members"
_COUCHDB = frozenset(
    (
        *("_id", "_rev", "_attachments", "_deleted", "_revisions", "_revs_info", "_conflicts"),
        *("_deleted_conflicts", "_local_seq", "_access", "_replication_id"),
    )
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: its files in order, `inline` when the data stands in the descriptor, or the
    addresses elsewhere where its data is."""

    name: str
    paths: tuple[str, ...]
    inline: bool
    members: Mapping[str, Any]
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A descriptor that may be published; `members` are as sent, in the order sent."""

    name: str
    version: str
    members: dict[str, Any]
    resources: tuple[Resource, ...]

    def paths(self) -> Iterator[tuple[Resource, str]]:
        """Every file a resource names."""
        return ((resource, path) for resource in self.resources for path in resource.paths)


def document_of(members: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the document that stores a descriptor, with what the registry says of it (`own`)."""
    aside = {key: value for key, value in members.items() if key.startswith("_")}
    plain = {key: value for key, value in members.items() if key not in aside}
    return {**plain, OWN: {**own, UNDERSCORED: aside} if aside else dict(own)}


def descriptor_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the descriptor that a document stores."""
    own = document.get(OWN)
    aside = own.get(UNDERSCORED) if isinstance(own, dict) else None
    plain = {key: value for key, value in document.items() if key != OWN}
    found = aside.items() if isinstance(aside, dict) else ()
    return {**plain, **{key: value for key, value in found if key.startswith("_")}}


def resources_of(members: Mapping[str, Any]) -> tuple[Resource, ...]:
    """The resources of a stored descriptor, skipping what has not the shape of one."""
    listed = members.get("resources")
    wanted = listed if isinstance(listed, list) else []
    return tuple(
        _resource(item) for item in wanted if isinstance(item, dict) and isinstance(item.get("name"), str)
    )


def stated_path(members: Mapping[str, Any]) -> Any:
    """The `path` of a resource, which was called `url` before version 1 of the standard; None without one."""
    return members.get("path", None if "data" in members else members.get("url"))


def _resource(members: Mapping[str, Any]) -> Resource:
    path = stated_path(members)
    listed = path if isinstance(path, list) else [] if path is None else [path]
    extra = members.get("extrapaths")
    texts = [item for item in [*listed, *(extra if isinstance(extra, list) else [])] if isinstance(item, str)]
    paths = tuple(plain_path(item) for item in texts if not is_url(item))
    urls = () if paths else tuple(texts)
    return Resource(members["name"], paths, "data" in members, members, urls)


def examine(members: Any, name: str, version: str) -> Descriptor:
    """The descriptor to publish as `name`, `version`.

    Raises BadRequest when it is not even an object, InvalidPackage with every problem otherwise.
    """
    if not isinstance(members, dict):
        raise BadRequest("A data package descriptor must be a JSON object.")
    own = {key: value for key, value in members.items() if key not in ("_attachments", "_id")}
    if is_deep(own):
        raise BadRequest(f"A descriptor may be nested at most {MAX_DEPTH} levels deep.")
    _check_numbers(own)
    report = Report()
    _check_identity(report, members, name, version)
    _check_members(report, own)
    _check_resources(report, own)
    if not report.valid:
        raise refusal(report.to_json())
    return Descriptor(name, version, own, resources_of(own))


def _check_numbers(own: Mapping[str, Any]) -> None:
    """Raises BadRequest for more than whoever reads the package would go through."""
    resources = own.get("resources")
    listed = resources if isinstance(resources, list) else []
    if len(listed) > MAX_RESOURCES:
        raise BadRequest(f"A package has {MAX_RESOURCES} resources at most: put rows of one table into one.")
    if any(isinstance(item, dict) and len(item) > MAX_MEMBERS for item in [own, *listed]):
        raise BadRequest(f"A descriptor and each of its resources has {MAX_MEMBERS} members at most.")


def is_deep(value: Any) -> bool:
    """Whether objects and lists are nested more than `MAX_DEPTH` levels deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    found = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in found if isinstance(child, dict | list)]


def _check_identity(report: Report, members: Mapping[str, Any], name: str, version: str) -> None:
    for member, wanted in (("name", name), ("version", version), ("_id", version_id(name, version))):
        given = members.get(member, wanted)
        if given == "" and member == "version":
            message = f"“version” is empty: write the version there, as in {wanted}, or leave it out."
            report.add(problem("package-error", message, field=member))
        elif given != wanted:
            message = (
                f"The descriptor's {member} is {shown(given)} but the address says {wanted!r}: "
                "publish to the matching address, or change the descriptor."
            )
            report.add(problem("contradiction", message, field=member))


def _check_members(report: Report, own: Mapping[str, Any]) -> None:
    for member in own:
        if member in _COUCHDB or member == OWN:
            whose = "the registry's" if member == OWN else "CouchDB's"
            message = f"The member {shown(member)} is {whose} own, not the publisher's to set: leave it out."
            report.add(problem("reserved-member", message, field=member))
    _check_references(report, own)


def _check_resources(report: Report, own: Mapping[str, Any]) -> None:
    resources = own.get("resources")
    if not isinstance(resources, list) or not resources:
        message = "A data package must have a list “resources” with at least one resource."
        report.add(problem("package-error", message, field="resources"))
        return
    seen: set[str] = set()
    for position, resource in enumerate(resources, 1):
        if not isinstance(resource, dict):
            message = f"Resource {position} is {shown(resource)}: write an object with its “name” and “path”."
            report.add(problem("resource-error", message, field="resources"))
            continue
        fault = _name_fault(resource.get("name"), seen)
        name = None if fault else resource["name"]
        if fault:
            report.add(problem("resource-error", f"The name of resource {position} {fault}.", field="name"))
        _check_source(report, resource, name or f"resource {position}")


def _name_fault(name: Any, seen: set[str]) -> str | None:
    if not isinstance(name, str) or not name:
        return "is missing: every resource needs a name, which becomes a part of its address"
    if len(name) > MAX_RESOURCE_NAME:
        return f"is longer than {MAX_RESOURCE_NAME} characters"
    if not name.isprintable() or name in (".", "..") or any(0xD800 <= ord(char) < 0xE000 for char in name):
        return "cannot be part of an address"
    if name == DESCRIPTOR:
        return f"is {DESCRIPTOR}, where the descriptor itself is published"
    if name in seen:
        return f"is {shown(name)}, like that of another resource"
    seen.add(name)
    return None


def _check_source(report: Report, resource: Mapping[str, Any], name: str) -> None:
    path = stated_path(resource)
    if "data" in resource and resource["data"] is None:
        message = "“data” is null: put the rows there, or leave it out and name a file with “path”."
        report.add(problem("resource-error", message, resource=name, field="data"))
    elif (path is not None or "path" in resource) == ("data" in resource):
        report.add(problem("resource-error", "A resource must have either “path” or “data”.", resource=name))
    elif "data" in resource and not isinstance(resource["data"], dict | list | str):
        message = (
            f"“data” is {shown(resource['data'])}: it has to be a list (of rows), an object, or text whose "
            "kind “format” states."
        )
        report.add(problem("resource-error", message, resource=name, field="data"))
    if path is not None or "path" in resource:
        _check_paths(report, path, name)
    if isinstance(resource.get("data"), str) and not (resource.get("format") or resource.get("mediatype")):
        example = '"format": "csv"'
        message = (
            f"“data” is text, and nothing says of which kind: add “format” or “mediatype”, as in {example}."
        )
        report.add(problem("resource-error", message, resource=name, field="data"))
    _check_extras(report, resource, name)


def _check_paths(report: Report, path: Any, name: str) -> None:
    listed = path if isinstance(path, list) else [path]
    if not listed or not all(isinstance(item, str) for item in listed):
        message = f"“path” is {shown(path)}: it has to be a string, or a list of strings with one at least."
        report.add(problem("resource-error", message, resource=name, field="path"))
        return
    elsewhere = all(is_url(item) for item in listed)
    for item in listed:
        fault = url_fault(item) if elsewhere else file_fault(plain_path(item))
        if fault:
            message = f"The path {shown(item)} {fault}."
            report.add(problem("unsafe-path", message, resource=name, field="path"))


def _check_extras(report: Report, resource: Mapping[str, Any], name: str) -> None:
    """Frictionless's own members by which a resource could reach out of its package."""
    if "extrapaths" in resource:
        extra = resource["extrapaths"]  # beside a file, so that a URL among them is one too many
        _check_paths(report, [DESCRIPTOR, *extra] if isinstance(extra, list) and extra else ["."], name)
    path = stated_path(resource)
    elsewhere = isinstance(path, str) and is_url(path)
    if resource.get("scheme", "file") not in ("", "file", "multipart", *(_WEB if elsewhere else ())):
        message = f"The scheme {shown(resource['scheme'])} is not supported: publish the file itself."
        report.add(problem("remote-reference", message, resource=name, field="scheme"))
    for member in ("basepath", "innerpath"):
        value = resource.get(member, "x")
        fault = file_fault(plain_path(value)) if isinstance(value, str) else "is not a string"
        if fault:
            report.add(problem("unsafe-path", f"“{member}” {fault}.", resource=name, field=member))


def _check_references(report: Report, own: Mapping[str, Any]) -> None:
    """References to files stay in the package. Addresses are legal, and nobody fetches them here; none has a
    login, which is not shown, either."""
    for address in addresses(own):
        if has_login(address.stated):
            message = f"The address of “{address.member}” {LOGIN_FAULT}: leave it out."
            report.add(problem("unsafe-path", message, resource=address.resource, field=address.member))
    for reference in references(own):
        fault = file_fault(reference.path)
        if fault:
            message = f"“{reference.member}” refers to {shown(reference.stated)}, which {fault}."
            kind = "remote-reference" if reference.needed else "unsafe-path"
            report.add(problem(kind, message, resource=reference.resource, field=reference.member))
