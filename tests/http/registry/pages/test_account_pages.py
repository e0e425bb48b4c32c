"""Accounts at pages: logging in and out, making one, tokens; and what another site cannot do with them."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from couchreg.http.registry.pages import account, waiting
from tests.http.registry.pages.test_pages import BROWSER
from tests.packages import small
from tests.served import ANNA, PASSWORD, Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
ELSEWHERE = ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", "x")


class Person:
    """Somebody with a browser that keeps cookies and follows no redirect by itself."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.cookies: dict[str, str] = {}
        self.token = ""

    async def get(self, path: str, **headers: str) -> tuple[int, Mapping[str, str], str]:
        return await self._ask("GET", path, headers=headers)

    async def send(
        self, path: str, headers: Mapping[str, str] | None = None, **fields: str
    ) -> tuple[int, Mapping[str, str], str]:
        """A form with the token of the page that was seen last."""
        return await self._ask("POST", path, headers=headers or {}, data={"form": self.token, **fields})

    async def log_in(self, name: str = "anna", password: str = PASSWORD) -> int:
        await self.get("/-/login")
        status, _, _ = await self.send("/-/login", name=name, password=password)
        return status

    async def _ask(
        self, method: str, path: str, *, headers: Mapping[str, str], **sent: Any
    ) -> tuple[int, Mapping[str, str], str]:
        asked = {"Accept": BROWSER, **headers}
        if self.cookies:
            asked["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        client, url = self.served.client, self.served.url + path
        async with client.request(method, url, headers=asked, allow_redirects=False, **sent) as response:
            text = await response.text()
            for line in response.headers.getall("Set-Cookie", []):
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies.pop(name, None)
                if value:
                    self.cookies[name] = value
            self.token = (re.findall(r'name="form" value="(\w+)"', text) or [self.token])[0]
            return response.status, response.headers, text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("accounts")) as serve:
        served = await serve(validation="off")
        assert (await served.put(small(), "1", auth=ANNA))[0] == 201
        yield served


@pytest.fixture
def person(registry: Served) -> Person:
    return Person(registry)


async def test_somebody_logs_in_sees_the_account_and_logs_out(person: Person) -> None:
    status, headers, _ = await person.get("/-/account")
    assert (status, headers["Location"]) == (303, f"{person.served.url}/-/login?next=/-/account")
    status, headers, text = await person.get("/-/login?next=/-/account")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert "Cookie" in headers["Vary"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert 'value="/-/account"' in text
    status, headers, _ = await person.send(
        "/-/login", name="anna", password=PASSWORD, next="/-/account?done=others"
    )
    assert (status, headers["Location"]) == (303, f"{person.served.url}/-/account?done=others")
    [cookie] = [one for one in headers.getall("Set-Cookie") if one.startswith("couchreg=")]  # type: ignore[attr-defined]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    kept = dict(person.cookies)
    status, headers, text = await person.get("/-/account")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert "anna@example.org" in text
    assert f'href="{person.served.url}/small"' in text
    status, headers, _ = await person.send("/-/logout")
    assert (status, person.cookies) == (303, {})
    person.cookies = kept  # somebody has copied it
    assert (await person.get("/-/account"))[0] == 303


async def test_the_account_does_not_wait_for_its_packages(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large registry it takes a while to find out whose they are, once after a start."""
    await person.log_in()
    monkeypatch.setattr(waiting, "_AT_ONCE", 0.05)
    seen = asyncio.Event()

    async def slowly(*_: object) -> list[str]:
        await seen.wait()
        return ["bees"]

    monkeypatch.setattr(account, "owned_of", slowly)
    status, _, page = await person.get("/-/account")
    assert (status, "still being read" in page, "Tokens for programs" in page) == (200, True, True)
    [rest] = re.findall(r'href="[^"]*(/-/account\?rest=1)"', page)
    asyncio.get_running_loop().call_later(0.1, seen.set)
    _, _, page = await person.get(rest)
    assert ("still being read" in page, ">bees</a>" in page) == (False, True)


async def test_a_wrong_login_says_so_and_is_shut_out_after_some(tmp_path: Path) -> None:
    async with serving(tmp_path) as serve:
        await _shut_out(Person(await serve()))


async def _shut_out(person: Person) -> None:
    await person.get("/-/login")
    for name, password in (("anna", "wrong"), ("nemo", PASSWORD)):
        status, headers, text = await person.send("/-/login", name=name, password=password)
        assert status == 401
        assert "Basic" not in headers["WWW-Authenticate"]  # the browser would ask by itself
        assert "Name or password is incorrect." in text
        assert PASSWORD not in text
    for _ in range(4):
        await person.send("/-/login", name="anna", password="wrong")
    status, headers, text = await person.send("/-/login", name="anna", password=PASSWORD)
    assert status in (403, 429)
    assert int(headers["Retry-After"]) > 0
    assert "couchreg" not in person.cookies
    assert await person.log_in("bob") == 303  # nobody else is


async def test_a_form_of_another_site_does_nothing(person: Person) -> None:
    await person.get("/-/login")
    sent = {"name": "anna", "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        status, _, text = await person.send("/-/login", headers, **sent)
        assert status == 403
        assert "This form has grown old" in text
    ours = {"Origin": person.served.url, "Sec-Fetch-Site": "same-origin"}
    token, person.token = person.token, "0" * 64
    assert (await person.send("/-/login", ours, **sent))[0] == 403
    person.token, cookies = token, person.cookies
    person.cookies = {}
    assert (await person.send("/-/login", ours, **sent))[0] == 403
    person.cookies = cookies
    assert (await person.send("/-/login", ours, **sent))[0] == 303
    # The token from before the login is not one of the account.
    assert (await person.send("/-/account", ours, do="token", scope="admin", days="1"))[0] == 403
    assert (await person.send("/-/logout", ours))[0] == 403
    assert (await person.get("/-/account"))[0] == 200


async def test_a_login_makes_a_new_cookie_and_ends_the_old_one(person: Person) -> None:
    person.cookies["couchreg"] = planted = "a" * 43
    assert await person.log_in() == 303
    first = person.cookies["couchreg"]
    assert first != planted
    other = Person(person.served)
    other.cookies = dict(person.cookies)
    assert (await other.get("/-/login"))[0] == 303  # who has logged in is led on
    await other.get("/-/account")
    status, _, _ = await other.send("/-/login", name="bob", password=PASSWORD)
    assert (status, (await person.get("/-/account"))[0]) == (303, 303)


async def test_a_cookie_does_not_open_what_programs_use(person: Person) -> None:
    assert await person.log_in() == 303
    assert (await person.get("/-/account"))[0] == 200
    cookie = {"Cookie": f"couchreg={person.cookies['couchreg']}"}
    served = person.served
    tries = [
        ("PUT", "/small/2", {"json": {"name": "small", "resources": []}}),
        ("DELETE", "/small", {}),
        ("POST", "/-/tokens", {"json": {"scope": "admin"}}),
        ("PUT", "/-/user/anna", {"json": {"password": "another"}}),
        ("PUT", "/-/dist-tags/small/x", {"json": {"version": "1"}}),
        ("POST", "/owner/add", {"json": {"username": "bob", "dpkgName": "small"}}),
        ("GET", "/-/tokens", {}),
        ("GET", "/-/whoami", {}),
        ("GET", "/-/user/anna", {}),
    ]
    for method, path, sent in tries:
        status, _ = await served.ask(method, path, headers=cookie, **sent)
        assert (method, path, status) == (method, path, 401)
    assert (await served.ask("GET", "/small", headers=cookie))[0] == 200
    assert (await person.get("/-/whoami"))[0] == 401  # and not to the login, which would lead back


@pytest.mark.parametrize("place", ELSEWHERE)
async def test_a_login_leads_nowhere_else(person: Person, place: str) -> None:
    await person.get("/-/login")
    _, headers, _ = await person.send("/-/login", name="anna", password=PASSWORD, next=place)
    assert headers["Location"] == f"{person.served.url}/-/account"


async def test_a_token_is_shown_once_works_and_is_revoked(person: Person) -> None:
    await person.log_in()
    await person.get("/-/account")
    label = "<b>ci</b>"
    status, headers, text = await person.send(
        "/-/account", do="token", scope="publish", packages="sm* other", days="30", label=label
    )
    assert (status, headers["Cache-Control"]) == (201, "no-store")
    assert label not in text
    [token] = re.findall(r"couchreg_\w+", text)
    status, who = await person.served.ask("GET", "/-/whoami", auth=f"Bearer {token}")
    assert (status, who["token"]["packages"]) == (200, ["sm*", "other"])
    await person.served.people.tokens.close()  # until its use is written
    _, _, text = await person.get("/-/account")
    assert token not in text
    today = datetime.now(UTC).date()
    days = [(today + timedelta(day)).isoformat() for day in (-1, 0)]  # it may have been midnight meanwhile
    assert any(f"<td>{made}</td><td>{used}</td>" in text for made in days for used in days)
    [token_id] = re.findall(r'value="revoke"><input type="hidden" name="id" value="(\w+)"', text)
    status, headers, _ = await person.send("/-/account", do="revoke", id=token_id)
    assert (status, headers["Location"]) == (303, f"{person.served.url}/-/account?done=revoked")
    assert (await person.served.ask("GET", "/-/whoami", auth=f"Bearer {token}"))[0] == 401


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"do": "token", "scope": "all", "days": "1"}, 400, "The scope of a token must be one of"),
        ({"do": "token", "scope": "read", "days": "0"}, 400, "A token lasts from 1 to 3650 days."),
        ({"do": "token", "scope": "read", "days": "1", "packages": "A"}, 400, "A package pattern must be"),
        ({"do": "revoke", "id": "none"}, 404, "There is no such token."),
        ({"do": "password", "old": "wrong", "password": "x", "again": "x"}, 403, "is incorrect"),
        ({"do": "password", "old": PASSWORD, "password": "x", "again": "y"}, 400, "are not the same"),
        ({"do": "else"}, 400, "must be one of"),
    ],
)
async def test_what_cannot_be_is_said_on_the_page(
    person: Person, fields: dict[str, str], status: int, reason: str
) -> None:
    await person.log_in()
    await person.get("/-/account")
    found, headers, text = await person.send("/-/account", **fields)
    assert (found, headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert reason in text


async def test_whoever_registers_has_logged_in(person: Person) -> None:
    await person.get("/-/register")
    sent = {"name": "carla", "email": "carla@example.org", "password": "a long one", "again": "a long one"}
    status, _, text = await person.send("/-/register", **{**sent, "again": "another"})
    assert (status, 'value="carla"' in text, "a long one" in text) == (403, True, False)
    assert (await person.send("/-/register", **{**sent, "name": "anna"}))[0] == 409
    assert (await person.send("/-/register", **sent))[0] == 303
    assert "carla@example.org" in (await person.get("/-/account"))[2]


async def test_who_wanted_to_publish_comes_to_that_by_way_of_a_new_account(person: Person) -> None:
    _, _, login = await person.get("/-/login?next=/-/publish")
    assert 'href="' + person.served.url + '/-/register?next=/-/publish"' in login
    _, _, text = await person.get("/-/register?next=/-/publish")
    assert '<input type="hidden" name="next" value="/-/publish">' in text
    assert '/-/login?next=/-/publish"' in text
    sent = {"name": "edith", "password": "a long one", "again": "a long one", "next": "/-/publish"}
    status, _, text = await person.send("/-/register", **{**sent, "again": "another"})
    assert (status, 'name="next" value="/-/publish"' in text) == (403, True)
    status, headers, _ = await person.send("/-/register", **sent)
    assert (status, headers["Location"]) == (303, f"{person.served.url}/-/publish")
    for place in ("//elsewhere.example/", "https://elsewhere.example/", "/\\elsewhere.example"):
        assert "elsewhere" not in (await person.get(f"/-/register?next={place}"))[2]


async def test_another_password_ends_all_logins_but_the_one_that_changed_it(person: Person) -> None:
    name = {"name": "dora", "password": "the first", "again": "the first"}
    await person.get("/-/register")
    assert (await person.send("/-/register", **name))[0] == 303
    elsewhere = Person(person.served)
    assert await elsewhere.log_in("dora", "the first") == 303
    await person.get("/-/account")
    sent = {"do": "password", "old": "the first", "password": "the second", "again": "the second"}
    status, headers, _ = await person.send("/-/account", **sent)
    assert (status, headers["Location"]) == (303, f"{person.served.url}/-/account?done=password")
    assert (await person.get("/-/account"))[0] == 200
    assert (await elsewhere.get("/-/account"))[0] == 303
    assert await elsewhere.log_in("dora", "the first") == 401


async def test_a_closed_registry_lets_those_in_who_have_logged_in(tmp_path: Path) -> None:
    closed: dict[str, Any] = {"registration": "closed", "services": {"user_required": lambda: True}}
    async with serving(tmp_path) as serve:
        await _let_in(Person(await serve(validation="off", **closed)))


async def _let_in(person: Person) -> None:
    served = person.served
    assert (await served.put(small(), "1", auth=ANNA))[0] == 201
    status, headers, _ = await person.get("/small?range=1")
    assert (status, headers["Location"]) == (303, f"{served.url}/-/login?next=/small?range%3D1")
    assert (await person.get("/-/static/style.css"))[0] == 200
    status, headers, _ = await person.get("/-/register")
    assert (status, headers["Location"]) == (303, f"{served.url}/-/login?next=/-/register")
    assert "/-/register" not in (await person.get("/-/login"))[2]
    assert (await person.send("/-/register", name="eve", password="p", again="p"))[0] in (303, 401)
    assert await person.log_in() == 303
    assert "Registration is closed" in (await person.get("/-/register"))[2]
    assert (await person.send("/-/register", name="eve", password="p", again="p"))[0] == 403
    status, headers, _ = await person.get("/small")
    assert (status, headers["Cache-Control"]) == (200, "private, no-cache")
    assert (await person.get("/"))[0] == 200
    assert (await person.get("/small/1/words"))[0] == 200


async def test_a_form_is_bounded(person: Person) -> None:
    await person.get("/-/login")
    assert (await person.send("/-/login", name="a" * 40_000))[0] == 413
    assert (await person.send("/-/login", **{f"f{n}": "" for n in range(60)}))[0] == 400
    status, _, _ = await person._ask("POST", "/-/login", headers={}, json={"name": "anna"})
    assert status == 415
