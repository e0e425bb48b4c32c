"""Pages for people: who gets them, what is on them, and that nothing of a publisher runs there."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import AsyncMock, Mock
from urllib.parse import unquote

import pytest
import pytest_asyncio

from couchreg.analytics.ledger import PENDING
from couchreg.errors import BadRequest
from couchreg.http.registry.pages import sql, tables, waiting
from couchreg.http.registry.reading.negotiation import prefers_page
from tests.packages import Package
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
EVIL = "</script></title><script>alert(1)</script><img src=x onerror=alert(1)>"
ROWS = 120
LAND = {
    "type": "FeatureCollection",
    "features": [
        {"properties": {EVIL: EVIL}, "geometry": {"type": "Point", "coordinates": [7, 50, EVIL]}, "id": EVIL}
        | {"type": "Feature"},
        {"type": "Feature", "geometry": {"type": EVIL, "coordinates": EVIL}},
        {"type": "LineString", "coordinates": [[7, 50], [8, 51], [EVIL, 1]]},
    ],
}


def plain_package() -> Package:
    fields = [{"name": "year", "type": "integer", "description": "When"}, {"name": "place", "type": "string"}]
    members = {
        "name": "seen",
        "title": "Things that are seen",
        "keywords": ["sky", "sea & land"],
        "licenses": [{"name": "CC0-1.0", "path": "https://creativecommons.org/publicdomain/zero/1.0/"}],
        "contributors": [{"title": "Ann Author"}],
        "dataDependencies": {"base": "^1"},
        "views": [{"title": "Years", "spec": {"type": "line", "group": "place", "series": ["year"]}}],
        "resources": [
            {"name": "main", "path": "main.csv", "schema": {"fields": fields}},
            {"name": "text", "path": "a.txt"},
        ],
    }
    rows = "".join(f"{1900 + n},place {n % 7}\n" for n in range(ROWS))
    files = {
        "main.csv": ("year,place\n" + rows).encode(),
        "a.txt": b"text",
        "README.md": b"# How it was made\n\n<script>alert(1)</script> [data](main.csv)\n",
    }
    return Package(members, files)


def hostile_package() -> Package:
    field = {"name": EVIL, "type": "string", "description": EVIL}
    members = {
        "name": "evil",
        "title": EVIL,
        "description": EVIL,
        "keywords": [EVIL, 5, None],
        "licenses": [{"name": EVIL, "path": "http://example.org/?a=" + EVIL}],
        "contributors": [{"title": EVIL}, 5],
        "dataDependencies": {"base": EVIL},
        "views": [
            {"title": EVIL, "specType": "simple", "spec": {"type": "bar", "group": EVIL, "series": [EVIL]}},
            {"name": EVIL, "specType": EVIL, "spec": {}},
            {"title": EVIL, "specType": "vega-lite", "spec": {"mark": EVIL, "data": {"url": EVIL}}},
            EVIL,
        ],
        "resources": [
            {"name": "main", "title": EVIL, "data": [{EVIL: EVIL}], "schema": {"fields": [field]}},
            {"name": "map", "title": EVIL, "format": "geojson", "data": LAND},
            {"name": "words", "title": EVIL, "data": {"a": EVIL}},
        ],
    }
    return Package(members, {"README.md": EVIL.encode()})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder: Path = tmp_path_factory.mktemp("pages")
    async with serving(folder) as serve:
        served = await serve(with_tables=True, validation="off")
        for package in (plain_package(), hostile_package()):
            for version in ("1.0.0", "2.0.0"):
                status, answer = await served.put(package, version)
                assert status == 201, answer
                await served.made(package.name, version)
        yield served


class Seen(HTMLParser):
    """Elements and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str]:
        return [str(attributes["href"]) for tag, attributes in self.elements if tag == "a"]


async def look(
    served: Served, path: str, accept: str = BROWSER, **headers: str
) -> tuple[int, Mapping[str, str], str]:
    asked = {"Accept": accept, **headers}
    async with served.client.get(served.url + path, headers=asked) as response:
        return response.status, response.headers, await response.text()


PAGES = [
    "/",
    "/seen",
    "/seen/1.0.0",
    "/evil",
    "/-/search?q=evil",
    "/-/table/seen/latest/main",
    "/-/table/evil/latest/main",
    "/-/table/evil/latest/map",
    "/-/table/evil/latest/words",
    "/-/table/evil/latest/none",
    "/-/diff/evil/1.0.0/2.0.0",
    "/-/report/evil/1.0.0",
    "/-/sql",
    "/-/sql?q=select+*+from+evil.main",
    "/-/sql?q=" + "%3Cscript%3Ealert(1)%3C/script%3E",
    "/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_whole_and_runs_nothing(registry: Served, path: str) -> None:
    status, headers, text = await look(registry, path)
    assert status in (200, 404)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert "Accept" in headers["Vary"]
    seen = Seen(text)
    for tag, attributes in seen.elements:
        assert tag != "script" or attributes == {"type": "application/ld+json"}
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "action"):
            address = attributes.get(name)
            assert address is None or re.match(r"https?://|#|\?|/|mailto:", address), address
        if tag == "img":
            assert str(attributes["src"]).startswith(registry.url)
    ids = [str(attributes["id"]) for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [tag for tag, _ in seen.elements].count("h1") == 1


@pytest.mark.parametrize(
    "path",
    ["/", "/seen", "/seen/1.0.0", "/-/search?q=x", "/-/sql?q=select+1", "/-/diff/seen/1.0.0/2.0.0", "/none"],
)
@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html", ""])
async def test_programs_get_json_as_ever(registry: Served, path: str, accept: str) -> None:
    status, headers, text = await look(registry, path, accept)
    assert (status, headers["Content-Type"]) == (404 if path == "/none" else 200, "application/json")
    assert json.loads(text)
    assert "Accept" in headers["Vary"].split(", ")


async def test_what_a_parameter_names_is_no_page(registry: Served) -> None:
    for query in ("profile=schema.org", "clone=true"):
        _, headers, _ = await look(registry, f"/seen/1.0.0?{query}")
        assert "json" in headers["Content-Type"]
    _, headers, text = await look(registry, "/seen/1.0.0/main")
    assert headers["Content-Type"].startswith("text/csv")
    assert text.startswith("year,place\n")


async def test_html_is_preferred_by_browsers_alone() -> None:
    assert [
        prefers_page(one) for one in (BROWSER, "text/html", "text/html;q=0.5, application/json;q=0.4")
    ] == [True] * 3
    others = ("", "*/*", "text/*", "application/json", "text/html;q=0", "text/html, application/ld+json")
    assert [prefers_page(one) for one in others] == [False] * 6


async def test_the_page_of_a_version_says_what_there_is(registry: Served) -> None:
    _, _, text = await look(registry, "/seen/1.0.0")
    seen = Seen(text)
    for words in ("Things that are seen", "How it was made", "CC0-1.0", "sea & land", "Ann Author"):
        assert words in seen.text
    assert "<script>alert(1)</script>" in seen.text  # of the README, as text
    for path in ("/-/table/seen/1.0.0/main", "/seen/1.0.0/main.csv", "/seen/2.0.0", "/base"):
        assert registry.url + path in seen.links()
    [linked] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text)
    assert json.loads(linked)["@type"] == "Dataset"


async def test_rows_are_turned_filtered_and_ordered(registry: Served) -> None:
    path = "/-/table/seen/1.0.0/main"
    _, _, text = await look(registry, path)
    assert f"{ROWS} rows" in Seen(text).text
    by_year, _, after = [link for link in Seen(text).links() if link.startswith("?")]
    _, _, ordered = await look(registry, path + by_year)
    assert 'aria-sort="ascending"' in ordered
    assert "?order=year&down=1&offset=0" in Seen(ordered).links()
    _, _, second = await look(registry, path + after)
    assert "1950" in Seen(second).text
    assert "1949" not in Seen(second).text
    _, _, found = await look(registry, path + "?query=place+3&where=year+%3E+2000&order=year&down=1")
    years = [int(year) for year in re.findall(r">(20\d\d)<", found)]
    assert years == sorted(years, reverse=True)
    assert years == [year for year in range(2019, 2000, -1) if (year - 1900) % 7 == 3]
    _, _, wrong = await look(registry, path + "?where=nothing+%3E+1")
    assert 'role="status"' in wrong


async def test_an_answer_is_kept_unless_it_may_change(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/-/sql?q=select+max(year)+-+7+as+last+from+seen.main"
    assert ">2012<" in (await look(registry, path))[2]
    with monkeypatch.context() as patch:
        patch.setattr(sql, "_asked", AsyncMock(side_effect=BadRequest("asked again")))
        assert ">2012<" in (await look(registry, path))[2]
        for other in (path.replace("seen", '"seen@1.0.0"'), path.replace("7", "8")):
            assert "asked again" in (await look(registry, other))[2]
    changing = "/-/sql?q=select+random()+as+one+from+seen.main"
    assert (await look(registry, changing))[2] != (await look(registry, changing))[2]
    monkeypatch.setattr(sql, "_MOST_KEPT", 10)
    assert ">2010<" in (await look(registry, path.replace("7", "9")))[2]
    monkeypatch.setattr(sql, "_asked", AsyncMock(side_effect=BadRequest("asked again")))
    assert "asked again" in (await look(registry, path.replace("7", "9")))[2]


async def test_rows_that_were_looked_at_are_kept(registry: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/-/table/seen/1.0.0/main?where=year+%3E+2010"
    first = await look(registry, path)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "_asked", AsyncMock(side_effect=BadRequest("asked again")))
        assert (await look(registry, path))[2] == first[2]
        assert "asked again" in (await look(registry, path + "&down=1&order=year"))[2]
    monkeypatch.setattr(tables, "_MOST_KEPT", 10)
    other = await look(registry, path.replace("2010", "2011"))
    monkeypatch.setattr(tables, "_asked", AsyncMock(side_effect=BadRequest("asked again")))
    assert "asked again" not in other[2]
    assert "asked again" in (await look(registry, path.replace("2010", "2011")))[2]


async def test_a_table_that_has_just_been_published_is_waited_for(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = replace(plain_package(), members={**plain_package().members, "name": "soon"})
    assert (await registry.put(package, "1.0.0"))[0] == 201
    _, _, text = await look(registry, "/-/table/soon/1.0.0/main")
    assert f"{ROWS} rows" in Seen(text).text
    monkeypatch.setattr(waiting, "_AT_ONCE", 0.0)
    monkeypatch.setattr(registry.tables, "of", AsyncMock(return_value=[Mock(resource="main", state=PENDING)]))
    _, _, text = await look(registry, "/-/table/soon/1.0.0/main")
    assert "look again in a moment" in Seen(text).text


async def test_columns_show_how_their_values_are_spread(registry: Served) -> None:
    status, _, body = await look(registry, "/-/viewer/statistics?dataset=seen@1.0.0&config=main&split=train")
    assert status == 200, body
    _, _, text = await look(registry, "/-/table/seen/1.0.0/main")
    seen = Seen(text)
    assert "1900 to 2019" in seen.text
    assert "7 different values" in seen.text
    assert "What its values have to be" in seen.text
    assert "When" in seen.text
    rects = [attributes for tag, attributes in seen.elements if tag == "rect"]
    assert len(rects) == 10 + 7
    assert {attributes["height"] for attributes in rects[:10]} == {"24"}


async def test_a_table_with_a_column_of_time_has_a_line(tmp_path: Path) -> None:
    kinds = {"place": "string", "day": "date", "id": "integer", "much": "number"}
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    schema = {"fields": fields, "primaryKey": ["id"]}
    members = {"name": "lines", "resources": [{"name": "main", "path": "main.csv", "schema": schema}]}
    rows = [f"p{n % 2},2020-01-{1 + n // 2:02},{n},{n // 2 * 10}\n" for n in range(20)]
    text = "place,day,id,much\n" + "".join(rows) + "p,,98,1\np,2021-01-01,99,\n"
    async with serving(tmp_path) as serve:
        served = await serve(with_tables=True)
        assert (await served.put(Package(members, {"main.csv": text.encode()}), "1"))[0] == 201
        await served.made("lines", "1")
        for _ in range(2):  # the second time it is remembered
            _, _, page = await look(served, "/-/table/lines/1/main")
            [line] = [attributes for tag, attributes in Seen(page).elements if tag == "polyline"]
            points = [tuple(map(float, pair.split(","))) for pair in str(line["points"]).split()]
            assert (points[0], points[-1], len(points)) == ((0, 140), (600, 0), 10)
            assert "Average of much along day, from 0 to 90" in Seen(page).text
        _, _, page = await look(served, "/-/table/lines/1/main?where=id+%3E+5")
        assert "polyline" not in page


async def test_links_repeat_what_is_read_of_an_address_and_no_more(registry: Served) -> None:
    path = "/-/search?" + "a=1&" * 1500 + "q=seen&keywords=sky&limit=1"
    _, _, text = await look(registry, path)
    links = [link for link in Seen(text).links() if "/-/search?" in link]
    assert links
    assert max(map(len, links)) < 200
    _, _, text = await look(registry, "/-/table/seen/1.0.0/main?offset=50&" + "a=1&" * 1500 + "query=place")
    turned = [link for link in Seen(text).links() if link.startswith("?")]
    assert turned[-2:] == ["?query=place&offset=0", "?query=place&offset=100"]
    assert turned[:-2] == [f"?query=place&order={name}&offset=0" for name in ("year", "place")]
    _, _, text = await look(registry, "/-/table/seen/1.0.0/main?offset=50&query=" + "place+" * 50)
    assert not [link for link in Seen(text).links() if link.startswith("?") and "order" in link]


async def test_a_statement_is_answered_and_a_wrong_one_explained(registry: Served) -> None:
    _, _, text = await look(registry, "/-/sql?q=select+max(year)+as+last+from+seen.main")
    assert "2019" in Seen(text).text
    _, _, wrong = await look(registry, "/-/sql?q=selec+1")
    assert 'role="alert"' in wrong


async def test_an_answer_leads_to_an_address_that_lasts(registry: Served) -> None:
    _, _, text = await look(registry, "/-/sql?q=select+max(year)+from+seen.main")
    [lasting] = [link for link in Seen(text).links() if "seen@2.0.0" in unquote(link)]
    _, _, again = await look(registry, lasting.removeprefix(registry.url))
    assert 'select max(year) from "seen@2.0.0".main' in Seen(again).text
    assert f"{1899 + ROWS}" in Seen(again).text
    for path in (lasting.removeprefix(registry.url), "/-/sql?q=select+random()+from+seen.main"):
        assert "that lasts" not in (await look(registry, path))[2]


async def test_errors_are_pages_with_their_status(registry: Served) -> None:
    status, headers, text = await look(registry, "/nothing")
    assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "There is no package" in Seen(text).text


async def test_a_page_that_has_not_changed_is_not_sent_again(registry: Served) -> None:
    for path in ("/", "/seen/1.0.0", "/-/table/seen/1.0.0/main"):
        _, headers, _ = await look(registry, path)
        again, _, body = await look(registry, path, **{"If-None-Match": headers["ETag"]})
        assert (again, body) == (304, "")


async def test_what_pages_share_is_kept_for_good(registry: Served) -> None:
    _, _, text = await look(registry, "/")
    [style] = re.findall(r'href="([^"]+/-/static/style\.css\?[0-9a-f]+)"', text)
    _, headers, _ = await look(registry, style.removeprefix(registry.url))
    assert headers["Cache-Control"].endswith("immutable")
    assert headers["Content-Type"] == "text/css; charset=utf-8"
    assert (await look(registry, "/-/static/../routes.py"))[0] == 404


async def test_a_worker_may_run_what_comes_with_the_server_and_nothing_else(registry: Served) -> None:
    _, headers, text = await look(registry, "/-/static/offline-worker.js")
    assert headers["Service-Worker-Allowed"] == "/"
    policy = f"default-src 'none'; script-src {registry.url}/-/static/; connect-src 'self'"
    assert (headers["Content-Security-Policy"], headers["Cache-Control"]) == (policy, "no-cache")
    assert "importScripts" in text
    _, headers, _ = await look(registry, "/-/offline")
    assert f"script-src {registry.url}/-/static/;" in headers["Content-Security-Policy"]
    _, headers, text = await look(registry, "/seen")
    assert "pouchdb.min.js" not in text
    assert len(text) < 100_000


async def test_downloads_are_drawn_by_day(registry: Served) -> None:
    await registry.fetch("/seen/1.0.0/main")
    await registry.registry.downloads.flush()
    _, _, text = await look(registry, "/seen/1.0.0")
    [drawn] = re.findall(r'aria-label="Downloads by day from [0-9-]{10} to [0-9-]{10}, (\d+) at most"', text)
    assert int(drawn) > 0


async def test_a_badge_says_the_latest_version_and_nothing_of_it_runs(registry: Served) -> None:
    _, headers, text = await look(registry, "/-/badge/seen")
    assert (headers["Content-Type"], headers["Cache-Control"]) == ("image/svg+xml", "public, max-age=60")
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert "data package: seen 2.0.0" in text
    assert (await look(registry, "/-/badge/nothing"))[0] == 404
    assert f"({registry.url}/-/badge/seen)" in (await look(registry, "/seen"))[2]
