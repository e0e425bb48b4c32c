"""Resources that are no tables, and pictures of those that are."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from couchreg.docstore.base import Attachment
from couchreg.errors import Unavailable
from couchreg.http.registry.pages import picturing, waiting
from couchreg.web import papers, plots
from tests.http.registry.pages.test_pages import Seen, look
from tests.packages import Package, zipped
from tests.served import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
PLACE = {"type": "Point", "coordinates": [7, 50]}


LINE = {"type": "line", "x": "year", "y": "bees", "stroke": "place"}
OF_PLOT = {"y": {"type": "log"}, "marks": [{"type": "ruleY", "staticData": [{"y": 5}], "y": "y"}, LINE]}
BUCKET = "https://bucket.example:9000"


async def bucket(file: Attachment) -> str | None:
    if file.name in ("acting.pdf", "other.pdf"):
        return None
    if file.name == "lost.png":
        raise Unavailable("There are no credentials for the blob store.")
    return f"{BUCKET}/valley/1/it?Signature=x"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    simple = {"type": "bar", "group": "place", "series": ["bees"]}
    encoding = {"x": {"field": "day"}, "y": {"field": "bees"}}
    files = {
        "hives.csv": b"day,place,bees\n2024-01-01,north,4\n2024-01-02,south,6\n2024-01-04,north,5\n",
        "long.csv": b"place,bees\n" + b"".join(b"%d%s,4\n" % (row, b"x" * 50_000) for row in range(30)),
        "panel.csv": b"year,bees,place\n2020,4,south\n2021,6,south\n2020,40,north\n2021,7,north\n",
        "rain.csv": b"place,mm\nnorth,4\nsouth,6\nnorth,8\n",
        "sizes.csv": b"long,wide\n1,4\n2,6\n3,1\n",
        "land.geojson": json.dumps(PLACE).encode(),
        "town.geojson": json.dumps({**PLACE, "bbox": [7, 50, 7, 50]}).encode(),
        "notes.txt": b"noted",
        "broken.geojson": b"{",
        "photo.png": b"\x89PNG",
        "words.txt": "نص <b>".encode() + b"x" * 20_000,
        "lost.png": b"\x89PNG",
        "paper.pdf": b"%PDF-",
        "other.pdf": b"%PDF-1",
        "third.pdf": b"%PDF-2",
        "acting.pdf": b"%PDF-/JavaScript",
        "README.md": b"![A bee](photo.png)",
        "blob.bin": b"\0" * 5000,
    }
    members: dict[str, Any] = {
        "name": "valley",
        "views": [
            {"title": "Where", "resources": ["hives"], "spec": simple},
            {"title": "When", "specType": "vega-lite", "spec": {"mark": "line", "encoding": encoding}},
            {"title": "Long", "resources": ["long"], "spec": simple},
            {"title": "Both", "resources": ["panel"], "specType": "plot", "spec": OF_PLOT},
            {"title": "Lost", "spec": {**simple, "series": ["wasps"]}},
        ],
        "resources": [
            {"name": path.partition(".")[0], "path": path} for path in files if path != "README.md"
        ],
    }
    kinds = {"day": "date", "place": "string", "mm": "integer", "bees": "integer"}
    kinds |= {"year": "year", "long": "integer", "wide": "integer"}
    for resource in members["resources"]:
        if resource["path"].endswith(".csv"):
            names = files[resource["path"]].partition(b"\n")[0].decode().split(",")
            resource["schema"] = {"fields": [{"name": name, "type": kinds[name]} for name in names]}
    async with serving(tmp_path_factory.mktemp("picturing")) as serve:
        served = await serve(with_tables=True, validation="off", services={"elsewhere": bucket})
        kind = {"Content-Type": "application/zip"}
        status, answer = await served.send("/valley/1", zipped(Package(members, files)), kind)
        assert status == 201, answer
        await served.made("valley", "1")
        yield served


async def page(registry: Served, resource: str) -> Seen:
    status, _, text = await look(registry, f"/-/table/valley/1/{resource}")
    assert status == 200
    return Seen(text)


async def test_the_views_of_a_descriptor_are_drawn(registry: Served) -> None:
    for _ in range(2):  # the second time their rows are remembered
        seen = await page(registry, "hives")
        labels = [str(attributes.get("aria-label")) for tag, attributes in seen.elements if tag == "svg"]
        assert "Bars of bees along place, from north to north" in labels
        assert "Lines of bees along day, from 2024-01-01 to 2024-01-04" in labels
        assert [a["points"] for tag, a in seen.elements if tag == "polyline" and a.get("class")] == [
            "0.0,240.0 200.0,0.0 600.0,120.0"
        ]
        assert "Its rows cannot be drawn" in seen.text
    assert "/-/table/valley/1/hives#views" in str(Seen((await look(registry, "/valley/1"))[2]).links())


async def test_a_table_without_views_and_without_time_has_what_suits_its_types(registry: Served) -> None:
    for _ in range(2):
        assert "Average of mm for each place, the highest first" in (await page(registry, "rain")).text
        seen = await page(registry, "sizes")
        assert "wide against long" in seen.text
        assert [tag for tag, _ in seen.elements].count("circle") == 3
    assert "for each" not in (await page(registry, "hives")).text


async def test_lines_are_told_apart_by_a_column(registry: Served) -> None:
    seen = await page(registry, "panel")
    assert "Lines of south, north along year, from 2020 to 2021" in str(seen.elements)
    assert "on a logarithmic scale; one of 2 marks" in seen.text


async def test_an_answer_has_a_picture(registry: Served) -> None:
    _, _, text = await look(registry, "/-/sql?q=select+place,sum(bees)+as+n+from+valley.hives+group+by+1")
    assert "Bars of n along place" in text


async def test_a_view_whose_rows_are_too_long_for_a_page_is_not_drawn(registry: Served) -> None:
    assert "Its rows cannot be drawn" in (await page(registry, "long")).text


async def test_what_cannot_be_drawn_is_not_asked_for_again(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await page(registry, "long")
    asked = []

    async def again(_: Any, statement: str) -> bytes:
        asked.append(statement)
        return b""

    monkeypatch.setattr(picturing, "_asked", again)
    assert "Its rows cannot be drawn" in (await page(registry, "long")).text
    assert not asked


async def test_a_page_waits_for_its_views_together(registry: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """With rows that nobody has asked for before, and that never come."""
    begun = []

    async def never(_: Any, statement: str) -> bytes:
        begun.append(statement)
        await asyncio.sleep(3600)
        return b""

    monkeypatch.setattr(picturing, "MOST_ROWS", plots.MOST_ROWS - 1)
    monkeypatch.setattr(waiting, "_AT_ONCE", 0.05)
    monkeypatch.setattr(picturing, "_asked", never)
    await page(registry, "hives")
    monkeypatch.setattr(waiting, "_FOR_PICTURES", 0.05)
    assert (await page(registry, "hives?rest=1")).text.count("Its rows cannot be drawn") == 3
    assert len(begun) <= 2


async def test_an_answer_that_is_too_long_for_a_page_is_offered_as_a_file(registry: Served) -> None:
    status, _, text = await look(registry, "/-/sql?q=select+repeat('x',100000)+as+a+from+range(20)")
    assert status == 200
    assert len(text) < 100_000
    seen = Seen(text)
    assert "more than 1 MiB" in seen.text
    assert sum("format=csv" in str(one) for one in seen.links()) == 1


async def test_a_picture_of_some_rows_says_which_they_are(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "select 'a' || i as place, i as bees, i as wasps from range(130) t(i)"
    _, _, text = await look(registry, "/-/sql?" + urlencode({"q": asked}))
    assert "; the first 120 rows" in Seen(text).text
    assert "the first" not in (await page(registry, "hives")).text
    monkeypatch.setattr(plots, "_MOST_BARS", 2)
    assert (await page(registry, "hives")).text.count("; the first 2 rows") == 1


async def test_a_map_an_image_a_text_a_paper_and_what_cannot_be_seen(registry: Served) -> None:
    found = {
        name: await page(registry, name)
        for name in ("land", "photo", "words", "paper", "acting", "blob", "broken")
    }
    assert "50.00° N to 50.00° N" in found["land"].text
    [image] = [attributes for tag, attributes in found["photo"].elements if tag == "img"]
    assert image["src"] == f"{registry.url}/valley/1/photo"
    assert "نص <b>" in found["words"].text
    assert "this is the beginning" in found["words"].text
    [frame] = [attributes for tag, attributes in found["paper"].elements if tag == "iframe"]
    assert str(frame["src"]).startswith(f"{registry.url}/valley/1/paper?read=")
    assert "Save it as PDF" in found["acting"].text
    assert "curl -fL -C - --create-dirs -o valley@1/blob.bin" in found["blob"].text
    assert "{" in found["broken"].text  # as text
    assert all(f"{registry.url}/valley/1/" in str(one.links()) for one in found.values())


async def test_a_paper_is_looked_through_once_and_a_page_does_without(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = [], threading.Event()

    def may_act(data: bytes) -> bool:
        begun.append(data)
        go.wait(60)
        return False

    monkeypatch.setattr(papers, "may_act", may_act)
    monkeypatch.setattr(waiting, "_AT_ONCE", 3600.0)
    pages = [asyncio.create_task(page(registry, "other")) for _ in range(6)]
    while not begun:
        await asyncio.sleep(0.01)
    monkeypatch.setattr(waiting, "_AT_ONCE", 0.05)
    monkeypatch.setattr(waiting, "_FOR_LOOKING", 0.05)
    _, headers, text = await look(registry, "/-/table/valley/1/third")  # it is another's turn
    assert 'data-rest="?rest=1"' in text
    assert headers["Content-Security-Policy"].endswith("; frame-src 'self'")  # for the rest of the page
    assert "It cannot be shown just now" in (await page(registry, "third?rest=1")).text
    go.set()
    assert all("iframe" in str(one.elements) for one in await asyncio.gather(*pages))
    assert begun.count(b"%PDF-1") == 1


async def test_a_pdf_is_a_download_but_where_a_page_shows_what_does_nothing(registry: Served) -> None:
    async def form(path: str) -> str:
        async with registry.client.get(registry.url + path, allow_redirects=False) as answer:
            return answer.headers.get("Content-Disposition", str(answer.status)).partition(";")[0]

    [frame] = [one for tag, one in (await page(registry, "paper")).elements if tag == "iframe"]
    address = str(frame["src"]).removeprefix(registry.url)
    code = address.partition("?")[2]
    assert await form(address) == await form(f"/valley/1/paper.pdf?{code}") == "inline"
    for path in ("acting", "acting?read=", "acting?read=%ff", f"acting?{code}", f"other.pdf?{code}"):
        assert await form(f"/valley/1/{path}") == "attachment"
    assert await form("/valley/1/paper") == "302"  # the bucket has headers of its own


async def test_a_map_and_a_text_wait_for_no_more_than_a_moment_and_are_kept(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, begun, go = registry.registry.attachments.open, [], asyncio.Event()

    async def slowly(file: Attachment, *span: int) -> AsyncIterator[bytes]:
        begun.append(file.name)
        await go.wait()
        async for chunk in opened(file, *span):
            yield chunk

    monkeypatch.setattr(registry.registry.attachments, "open", slowly)
    for name, shown in (("town", "50.00° N to 50.00° N"), ("notes", "noted")):
        monkeypatch.setattr(waiting, "_AT_ONCE", 0.05)
        assert "Reading the rest" in (await page(registry, name)).text
        rest = [asyncio.create_task(page(registry, f"{name}?rest=1")) for _ in range(3)]
        go.set()
        assert all(shown in one.text for one in await asyncio.gather(*rest))
        go.clear()
        monkeypatch.setattr(waiting, "_AT_ONCE", 60.0)
        assert shown in (await page(registry, name)).text
    assert begun == ["town.geojson", "notes.txt"]


async def test_rows_are_shown_without_the_file_that_they_were_read_from(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await page(registry, "hives")  # now the Parquet file is at hand

    def away(*_: Any) -> None:
        raise Unavailable("The bucket does not answer.")

    monkeypatch.setattr(registry.registry.attachments, "open", away)
    assert "these are 1 to 3" in (await page(registry, "hives")).text


async def test_pictures_may_come_from_the_bucket_that_readers_are_sent_to(registry: Served) -> None:
    for path, more in (
        ("/-/table/valley/1/photo", f" {BUCKET}"),
        ("/valley/1", f" {BUCKET}"),  # those of its README
        ("/-/table/valley/1/hives", ""),
        ("/-/table/valley/1/lost", ""),  # the bucket does not say where it is now
    ):
        _, headers, _ = await look(registry, path)
        assert f"; img-src 'self'{more};" in headers["Content-Security-Policy"]
    _, headers, _ = await look(registry, "/-/table/valley/1/paper")
    assert headers["Content-Security-Policy"].endswith("; frame-src 'self'")
    _, headers, _ = await look(registry, "/-/table/valley/1/acting")
    assert "frame-src" not in headers["Content-Security-Policy"]


async def test_of_what_is_large_it_is_said_how_it_is_had(
    registry: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picturing, "_LARGE", 10)
    for name in ("blob", "hives"):
        seen = await page(registry, name)
        assert "these do not" in seen.text
        assert f"couchreg cat valley@1/{name}" in seen.text
