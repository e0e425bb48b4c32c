"""Packages and the catalog as linked data: what the views say, in which forms, and who gets them."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from pyld import jsonld

from couchreg.docstore.base import Edit
from couchreg.http.registry.reading.linked import DATASETS
from couchreg.http.registry.reading.negotiation import VOCABULARIES, LinkedView, Vocabulary, wanted_view
from couchreg.model.user import SYSTEM
from couchreg.registry.linked import forms
from couchreg.registry.linked.forms import Form, load
from tests.conftest import ADMIN as SERVER_ADMIN
from tests.conftest import ServerFactory
from tests.packages import Package, small
from tests.served import Served

SCHEMA = "http://schema.org/"
DCAT = "http://www.w3.org/ns/dcat#"


@pytest.fixture
async def rich(served: Served) -> Served:
    """A package that says everything a view can show."""
    package = small(
        "rich",
        title="Rich",
        description="All there is.",
        keywords=["a", "b"],
        homepage="https://example.org/x",
        licenses=[{"name": "CC0-1.0", "path": "https://creativecommons.org/publicdomain/zero/1.0/"}],
        contributors=[
            {
                "title": "Jo Doe",
                "givenName": "Jo",
                "familyName": "Doe",
                "email": "jo@example.org",
                "roles": ["creator"],
                "organization": "ACME",
            },
            {"title": "The Bureau", "role": "publisher", "path": "https://bureau.example"},
        ],
        sources=[{"title": "A book", "path": "https://example.org/book"}],
        temporal={"start": "2001-01-01", "end": "2020"},
        created="2020-01-01T00:00:00Z",
        spatial={"type": "Polygon", "coordinates": [[[5, 45], [10, 45], [10, 48], [5, 45]]]},
    )
    package.members["resources"][0] |= {
        "title": "Words",
        "@context": {"ex": "http://example.org/ns#"},
        "@type": ["ex:Lexicon", "Unheard"],
    }
    package.members["resources"][0]["schema"]["primaryKey"] = "id"
    status, answer = await served.put(package, "1.0.0")
    assert status == 201, answer
    return served


async def linked(served: Served, path: str, accept: str = "application/ld+json") -> Any:
    status, headers, body = await served.fetch(path, Accept=accept)
    assert status == 200, body
    assert headers["Content-Type"].startswith("application/ld+json")
    return json.loads(body)


async def test_a_version_is_a_schema_org_dataset(rich: Served) -> None:
    found = await linked(rich, "/rich/1.0.0")
    published = found.pop("datePublished")
    distribution = found.pop("distribution")
    assert published.startswith("20")
    assert [item["name"] for item in found.pop("variableMeasured")] == ["id", "word"]
    assert found == {
        "@context": "https://schema.org/",
        "@id": f"{rich.url}/rich/1.0.0",
        "@type": "Dataset",
        "name": "Rich",
        "alternateName": "rich",
        "description": "All there is.",
        "identifier": f"{rich.url}/rich/1.0.0",
        "url": "https://example.org/x",
        "version": "1.0.0",
        "keywords": ["a", "b"],
        "dateCreated": "2020-01-01T00:00:00Z",
        "license": "https://creativecommons.org/publicdomain/zero/1.0/",
        "creator": {
            "@type": "Person",
            "name": "Jo Doe",
            "email": "jo@example.org",
            "affiliation": {"@type": "Organization", "name": "ACME"},
        },
        "publisher": {"@type": "Organization", "name": "The Bureau", "url": "https://bureau.example"},
        "isBasedOn": {"@type": "CreativeWork", "name": "A book", "url": "https://example.org/book"},
        "temporalCoverage": "2001-01-01/2020",
        "spatialCoverage": {"@type": "Place", "geo": {"@type": "GeoShape", "box": "45 5 48 10"}},
        "includedInDataCatalog": f"{rich.url}/",
        "isAccessibleForFree": True,
    }
    assert distribution["@type"] == ["DataDownload", "http://example.org/ns#Lexicon"]
    assert distribution["contentUrl"] == f"{rich.url}/rich/1.0.0/words"
    assert distribution["encodingFormat"] == "text/csv"
    assert len(distribution["sha256"]) == 64


async def test_a_resources_own_context_and_types_are_kept(rich: Served) -> None:
    _, descriptor = await rich.get("/rich")
    resource = descriptor["resources"][0]
    assert resource["@context"] == {"ex": "http://example.org/ns#"}
    assert resource["@type"] == ["ex:Lexicon", "Unheard"]


async def test_the_forms_say_the_same(rich: Served) -> None:
    """Every view in every form has the same canonical RDF."""

    def canonical(document: Any) -> str:
        options = {"documentLoader": load, "algorithm": "URDNA2015", "format": "application/n-quads"}
        return str(jsonld.normalize(document, options))

    for vocabulary in Vocabulary:
        found = {form: await linked(rich, f"/rich/1.0.0?profile={vocabulary},{form}", "*/*") for form in Form}
        graphs = {canonical(document) for document in found.values()}
        assert len(graphs) == 1
        assert graphs.pop().count("\n") > 30
        assert isinstance(found[Form.EXPANDED], list)
        assert "@context" not in found[Form.EXPANDED][0]
        assert len(found[Form.FLATTENED]["@graph"]) > 3
    expanded = await linked(rich, "/rich?profile=expanded")
    assert expanded[0]["@type"] == [f"{SCHEMA}Dataset"]
    assert expanded[0][f"{SCHEMA}license"] == [{"@id": "https://creativecommons.org/publicdomain/zero/1.0/"}]


async def test_dcat_ap_has_what_it_demands(rich: Served) -> None:
    [found] = await linked(rich, "/rich/1.0.0?profile=dcat-ap,expanded")
    assert found["@type"] == [f"{DCAT}Dataset"]
    [distribution] = found[f"{DCAT}distribution"]
    assert distribution[f"{DCAT}accessURL"] == [{"@id": f"{rich.url}/rich/1.0.0/words"}]
    assert distribution[f"{DCAT}mediaType"] == [
        {"@id": "https://www.iana.org/assignments/media-types/text/csv"}
    ]
    [checksum] = distribution["http://spdx.org/rdf/terms#checksum"]
    assert len(checksum["http://spdx.org/rdf/terms#checksumValue"][0]["@value"]) == 64
    [period] = found["http://purl.org/dc/terms/temporal"]
    years = [period[f"{DCAT}{end}Date"][0]["@type"].rpartition("#")[2] for end in ("start", "end")]
    assert years == ["date", "gYear"]
    [place] = found["http://purl.org/dc/terms/spatial"]
    assert place[f"{DCAT}bbox"][0]["@value"].startswith("POLYGON((5 45,")


async def test_croissant_describes_the_columns(rich: Served) -> None:
    found = await linked(rich, "/rich/1.0.0?profile=croissant")
    assert found["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    [file], [table] = found["distribution"], found["recordSet"]
    assert (file["@type"], file["contentSize"]) == ("cr:FileObject", "20 B")
    assert [(field["name"], field["dataType"]) for field in table["field"]] == [
        ("id", "sc:Integer"),
        ("word", "sc:Text"),
    ]
    assert table["field"][0]["source"] == {"fileObject": {"@id": file["@id"]}, "extract": {"column": "id"}}
    assert table["key"] == [{"@id": table["field"][0]["@id"]}]


async def test_the_catalog_lists_packages_in_pages(rich: Served) -> None:
    await rich.put(small("second", title="Second"), "2")
    found = await linked(rich, "/?limit=1")
    assert found["@type"] == "DataCatalog"
    assert [item["name"] for item in found["dataset"]] == ["Second"]
    _, headers, _ = await rich.fetch("/?limit=1", Accept="application/ld+json")
    [following] = [link for link in headers.getall("Link") if 'rel="next"' in link]
    rest = await linked(rich, following.partition(">")[0].removeprefix(f"<{rich.url}"))
    assert [item["name"] for item in rest["dataset"]] == ["Rich"]
    [catalog] = await linked(rich, "/?profile=dcat-ap,expanded")
    assert len(catalog[f"{DCAT}dataset"]) == 2
    assert (await rich.fetch("/?profile=croissant"))[0] == 406


async def test_answers_say_what_else_there_is(rich: Served) -> None:
    for accept in ("application/json", "application/ld+json"):
        _, headers, _ = await rich.fetch("/rich", Accept=accept)
        assert "Accept" in headers["Vary"]
        assert f'<{rich.url}/rich/1.0.0>; rel="canonical"' in headers["Link"]
        assert f'<{rich.url}/rich/1.0.0?profile=croissant>; rel="alternate"' in headers["Link"]
        assert (await rich.fetch("/rich", Accept=accept, If_None_Match=headers["ETag"]))[0] == 304
    _, json_headers, _ = await rich.fetch("/rich", Accept="application/json")
    assert json_headers["ETag"] != headers["ETag"]
    assert json_headers["Content-Type"].startswith("application/json")


async def test_a_view_is_made_once_and_not_for_whoever_needs_no_text(
    rich: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(name: str, make: Any) -> Any:
        return lambda *given: made.append(name) or make(*given)

    for vocabulary, make in list(DATASETS.items()):
        monkeypatch.setitem(DATASETS, vocabulary, counted("view", make))
    monkeypatch.setattr(forms, "_process", counted("form", forms._process))

    async def asked(method: str, path: str, **headers: str) -> tuple[int, Any, bytes]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with rich.client.request(method, rich.url + path, headers=sent) as response:
            return response.status, response.headers, await response.read()

    for vocabulary in Vocabulary:
        path = f"/rich/1.0.0?profile={vocabulary}"
        _, head, _ = await asked("HEAD", path)
        assert (await asked("GET", path, If_None_Match=head["ETag"]))[0] == 304
        assert made == []
        _, headers, body = await asked("GET", path)
        assert (headers["ETag"], headers["Content-Type"]) == (head["ETag"], head["Content-Type"])
        assert (await asked("GET", path))[2] == body
        assert made == ["view"]
        for form in (Form.EXPANDED, Form.FLATTENED):
            made.clear()
            _, other, _ = await asked("HEAD", f"{path},{form}")
            assert "form" not in made
            made.clear()
            answers = await asyncio.gather(*(asked("GET", f"{path},{form}") for _ in range(3)))
            assert {answer[1]["ETag"] for answer in answers} == {other["ETag"]}
            _, again, _ = await asked("HEAD", f"{path},{form}")
            assert int(again["Content-Length"]) == len(answers[0][2])
            assert made == ["view", "form"]
            assert other["ETag"] != head["ETag"]
        made.clear()


async def test_the_texts_that_are_remembered_are_bounded() -> None:
    kept = forms.Forms(most=800)
    for number in range(20):
        view = {"text": "x" * (50 if number % 2 else 200)}
        text = await kept.text(str(number), lambda view=view: view, Form.COMPACTED)
        assert json.loads(text) == view
    there = [number for number in range(20) if kept.kept(str(number)) is not None]
    assert there == [number for number in range(20) if number % 2]
    for number in range(20, 40):
        await kept.text(str(number), lambda: {"text": "x" * 50}, Form.COMPACTED)
    assert kept.kept("1") is None
    assert kept.kept("39") is not None


@pytest.mark.parametrize(
    ("accept", "view"),
    [
        (None, None),
        ("", None),
        ("*/*", None),
        ("application/json", None),
        ("text/html, */*;q=0.1", None),
        ("application/ld+json", LinkedView()),
        ("application/ld+json, */*", LinkedView()),
        ("*/*, application/ld+json", LinkedView()),
        ("application/ld+json;q=0.5, application/json", None),
        ("application/json, application/ld+json", None),
        ("application/ld+json, application/json", LinkedView()),
        ("application/json;q=0, */*", LinkedView()),
        ("application/ld+json;q=0, */*", None),
        (
            'application/ld+json;profile="http://www.w3.org/ns/json-ld#expanded"',
            LinkedView(form=Form.EXPANDED),
        ),
        (
            'application/ld+json; profile="http://www.w3.org/ns/json-ld#flattened http://mlcommons.org/croissant/1.0"',
            LinkedView(Vocabulary.CROISSANT, Form.FLATTENED),
        ),
        ('application/ld+json;profile="urn:unheard", application/json;q=0.1', None),
        ('application/ld+json;profile="urn:unheard", application/ld+json;q=0.2, */*;q=0.1', LinkedView()),
    ],
)
def test_the_accept_header_decides(accept: str | None, view: LinkedView | None) -> None:
    assert wanted_view(None, accept, VOCABULARIES) == view


@pytest.mark.parametrize(
    "asked",
    [
        {"Accept": "text/plain"},
        {"Accept": "text/turtle, application/rdf+xml"},
        {"Accept": "application/json;q=0"},
        {"Accept": 'application/ld+json;profile="urn:unheard"'},
        {"Accept": "application/ld+json;q=0"},
    ],
)
async def test_what_there_is_not_is_406(rich: Served, asked: dict[str, str]) -> None:
    for path in ("/", "/rich", "/rich/1.0.0"):
        status, _, body = await rich.fetch(path, **asked)
        assert (status, json.loads(body)["error"]) == (406, "not_acceptable")
    for profile in ("rdf", "croissant,rdf", "", "https://example.org/p"):
        assert (await rich.fetch(f"/rich?profile={profile}"))[0] == 406


async def test_nothing_is_fetched_and_odd_descriptors_do_no_harm(served: Served) -> None:
    package = small(
        "odd",
        title=7,
        keywords="k",
        licenses=["x", 3, {}],
        contributors=[{}, 5, "Jo <jo@example.org>"],
        temporal=[1],
        spatial={"coordinates": [[[[]]]]},
        sources=[None],
        **{"@context": "http://127.0.0.1:1/x"},
    )
    package.members["resources"][0] |= {
        "@context": ["http://127.0.0.1:1/c", {"a": "b:c", "b": {"@id": 3}}],
        "@type": ["a", 9, "http://ok.example/T"],
    }
    edit = Edit("odd@1", "1-" + "a" * 32, False, package.members, (), ("a" * 32,))
    await served.database.update([edit], new_edits=False, user=SYSTEM)
    for vocabulary in Vocabulary:
        for form in Form:
            await linked(served, f"/odd/1?profile={vocabulary},{form}")
    [found] = await linked(served, "/odd/1?profile=expanded")
    [distribution] = found[f"{SCHEMA}distribution"]
    assert distribution["@type"] == [f"{SCHEMA}DataDownload", "b:c", "http://ok.example/T"]


async def test_types_of_a_published_resource_are_searched_for(server: ServerFactory) -> None:
    app = await server()
    stated = {"@context": {"ex": "http://e.example/"}, "@type": "ex:Lexicon"}
    resource = {"name": "r", "data": [["a"], [1]], **stated}
    login = {"Authorization": aiohttp.encode_basic_auth(*SERVER_ADMIN)}
    async with aiohttp.ClientSession(app.registry_url, headers=login) as client:
        async with client.put("/typed/1", json={"name": "typed", "resources": [resource]}) as response:
            assert response.status == 201, await response.text()
        await app.followers["search"].caught_up(await (await app.store.open("registry")).update_seq())
        for kind, total in (("Lexicon", 1), ("http://e.example/Lexicon", 1), ("Dataset", 0)):
            async with client.get("/search", params={"type": kind}) as response:
                assert (await response.json())["total"] == total


async def test_real_packages_can_be_read_as_linked_data(served: Served) -> None:
    package = Package.shipped("gdp")
    version = package.members["version"]
    await served.put(package, version)
    for vocabulary in Vocabulary:
        document = await linked(served, f"/gdp?profile={vocabulary}")
        graph = await asyncio.to_thread(jsonld.to_rdf, document, {"documentLoader": load})
        assert len(graph["@default"]) > 20
