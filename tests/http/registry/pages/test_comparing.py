"""The pages of what changed between two versions, and of what checks have found."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from couchreg.http.registry.pages import waiting
from tests.http.registry.pages.test_pages import EVIL, Seen, look
from tests.packages import Package
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


def seen_in(text: str, *, title: str = "Seen", **more: Any) -> Package:
    fields = [{"name": "id", "type": "integer"}, {"name": "word", "type": "string", **more}]
    schema = {"fields": fields, "primaryKey": ["id"]}
    resources = [{"name": "main", "path": "main.csv", "schema": schema}]
    return Package({"name": "seen", "title": title, "resources": resources}, {"main.csv": text.encode()})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("comparing")) as serve:
        served = await serve(validation="warn")
        versions = {
            "1": seen_in("id,word\n1,a\n2,b\n3,c\n"),
            "2": seen_in("id,word\n1,a\n2,x\n4,d\n", title=EVIL, description=EVIL),
            "3": seen_in("id,word\n1,a\n2,x\n4,d\n", title=EVIL, description=EVIL),
            "4": seen_in(f"id,word\n{EVIL},a\n"),
        }
        for version, package in versions.items():
            status, answer = await served.put(package, version)
            assert status == 201, answer
        yield served


async def test_what_changed_is_shown(registry: Served) -> None:
    status, headers, text = await look(registry, "/-/diff/seen/1/2")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    seen = Seen(text)
    assert "1 row added, 1 removed, 1 changed, 1 as they were; rows are told apart by id." in seen.text
    assert "<del>b</del> x" in text
    assert EVIL in seen.text  # as text
    assert [attributes for tag, attributes in seen.elements if tag in ("script", "img")] == []
    assert registry.url + "/-/diff/seen/2/1" in seen.links()


async def test_what_takes_long_comes_afterwards(registry: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_AT_ONCE", 0.0)
    _, headers, text = await look(registry, "/-/diff/seen/1/3")
    assert 'data-rest="?rest=1"' in text
    assert "script-src" in headers["Content-Security-Policy"]
    assert "Nothing is different" not in text
    _, _, text = await look(registry, "/-/diff/seen/1/3?rest=1")
    assert "1 row added, 1 removed, 1 changed" in text
    assert (await look(registry, "/-/diff/seen/1/none"))[0] == 404
    assert 'data-rest="?rest=1"' in (await look(registry, "/seen/1"))[2]  # its README, and what needs it
    _, _, text = await look(registry, "/-/search?q=seen")
    assert 'data-rest="?q=seen&amp;rest=1"' in text
    assert "Nothing has all of these words" not in text


async def test_of_equal_versions_it_is_said(registry: Served) -> None:
    _, _, text = await look(registry, "/-/diff/seen/2/3")
    assert "Nothing is different but the version." in Seen(text).text


async def test_programs_get_what_they_got(registry: Served) -> None:
    _, headers, text = await look(registry, "/-/diff/seen/1/2", "*/*")
    assert headers["Content-Type"] == "application/json"
    assert '"unchanged":1' in text
    _, headers, text = await look(registry, "/-/report/seen/1", "application/json")
    assert headers["Content-Type"] == "application/json"


async def test_a_version_leads_to_what_changed_since_the_one_before(registry: Served) -> None:
    _, _, text = await look(registry, "/seen/2")
    assert registry.url + "/-/diff/seen/1/2" in Seen(text).links()
    assert ">passed</a>" in text
    _, _, text = await look(registry, "/seen/4")
    assert ">problems found</a>" in text
    _, _, text = await look(registry, "/seen/1")
    assert [link for link in Seen(text).links() if "/-/diff/" in link] == []


async def test_a_report_is_shown(registry: Served) -> None:
    _, _, text = await look(registry, "/-/report/seen/1")
    assert "Everything that was checked is as the descriptor says." in Seen(text).text
    _, _, text = await look(registry, "/-/report/seen/4")
    seen = Seen(text)
    assert "1 problem was found." in seen.text
    assert "resource main, field id, row 2" in seen.text
    assert [tag for tag, _ in seen.elements if tag in ("script", "img")] == []
