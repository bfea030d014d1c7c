"""The console: what stands on its pages, and what its forms do."""

from __future__ import annotations

import shutil

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from privdom.sandbox import Fault, Sandbox
from privdom.sandbox.console.html import Html, el
from tests.sandbox.conftest import sign_in, staffed


class Console:
    """A sandbox, a browser without scripts, and a client of the API."""

    def __init__(self, box: Sandbox, url: str) -> None:
        self.box = box
        self.browser = httpx.Client(base_url=url, follow_redirects=True)
        self.api = sign_in(box, self.browser)

    def page(self, path: str) -> str:
        answer = self.browser.get(path)
        assert 200 == answer.status_code, answer.text
        return answer.text

    def do(self, action: str, **fields: str) -> httpx.Response:
        return self.browser.post(f"/do/{action}", data=fields, headers={"referer": "http://here/log?kind=event"})

    def code(self, state: str = "store") -> str:
        return self.api.post("add_contact_way", type=1, scene=2, user=["anna"], state=state)["config_id"]


@contextmanager
def _serving(box: Sandbox) -> Iterator[Console]:
    with box.serving() as url:
        console = Console(box, url)
        yield console
        console.browser.close()


@pytest.fixture
def console() -> Iterator[Console]:
    """Return the console of a corp with three staff."""
    with _serving(staffed()) as console:
        yield console


def test_from_scan_to_tag(console: Console) -> None:
    """The page of a customer tells their story: the scan, the welcome, the tag, the message."""
    code = console.code()
    seen = console.do("scan", code=code, name="小雨")
    external_userid = seen.url.path.rpartition("/")[2]
    welcome_code = console.box.record.events[0].fields[-1][1]
    console.api.post("send_welcome_msg", welcome_code=welcome_code, text={"content": "欢迎光临"})
    [tag] = console.api.add_tags("VIP")
    console.do("edit", userid="anna", external_userid=external_userid, add=tag)
    console.api.send("新品到店", sender="anna", external_userid=[external_userid])
    console.box.advance(timedelta(hours=3))
    page = console.page(f"/customers/{external_userid}")

    story = [page.index(part) for part in ("新品到店", "+VIP", "欢迎光临", "add_external_contact", "State=store")]
    assert sorted(story) == story
    assert "<h1>小雨</h1>" in page


def test_moments_and_blocked_words(console: Console) -> None:
    """A moment that staff published, and words that a rule kept from customers, stand in the story of whom they concern."""
    friend, stranger = (console.box.add_customer(staff=[userid]) for userid in ("anna", "ben"))
    console.box.staff_posts("anna", "秋茶上市")
    console.box.admin_adds_intercept_rule("飞单", ["加我微信"], users=["anna"])
    console.box.staff_sends("anna", "加我微信", [friend])
    pages = [console.page(path) for path in ("/staff/anna", f"/customers/{friend}", f"/customers/{stranger}", "/log")]

    assert [True, True, False, True] == ["秋茶上市" in page for page in pages]
    assert [True, False, False, True] == ["blocked: 加我微信" in page for page in pages]


@pytest.mark.parametrize(
    "path", ["/", "/staff", "/customers", "/groups", "/codes", "/tags", "/messages", "/log", "/faults"]
)
def test_pages(path: str) -> None:
    """Every page opens, in an empty corp and in one that was filled from the console."""
    with _serving(Sandbox(7)) as console:
        before = console.page(path)
        console.do("populate")
        userid = console.api.get("get_follow_user_list")["follow_user"][0]
        console.api.send("hello", sender=userid)
        console.do("fault", kind="slow")
        after = console.page(path)

    assert "</html>" in before
    assert len(before) < len(after)


def test_one_of_each(console: Console) -> None:
    """Staff, groups and messages have pages of their own, with those whom they concern."""
    customer = console.box.add_customer("wmMeow", "喵", staff=["anna"])
    group = console.box.create_group("福利群", owner="anna", members=[customer])
    msgid = console.api.send("hi", sender="anna", external_userid=[customer])

    assert "customers" in console.page("/staff/anna")
    assert "喵" in console.page(f"/groups/{group}")
    assert "waits for the staff" in console.page(f"/messages/{msgid}")
    assert 404 == console.browser.get("/customers/wmNobody").status_code


def test_search(console: Console) -> None:
    """Customers are found by name, id, tag, state and staff, fifty at a time."""
    ids = [console.box.add_customer(None, f"客{i:02}", staff=["anna"], state="door") for i in range(60)]
    [tag] = console.box.admin_adds_tags("等级", ["VIP"]).values()
    console.box.staff_edits_customer("anna", ids[3], add_tags=[tag])

    def shown(query: str) -> int:
        return console.page(f"/customers{query}").count('<a href="/customers/wm')

    assert [50, 10] == [shown(""), shown("?from=50")]
    assert [1, 1, 1, 50, 0, 0] == [
        shown(f"?q={words}") for words in ("客03", ids[7], "vip", "door", "nobody", "&staff=ben")
    ]


def test_forms(console: Console) -> None:
    """Each form is one act of the sandbox, and leads back to where it stood."""
    box = console.box
    assert "/log" == console.do("add_staff", userid="dora", name="朵拉").url.path
    customer = console.do("add_customer", name="米", staff="anna, ben").url.path.rpartition("/")[2]
    console.do("writes", userid="anna", external_userid=customer)
    console.do("customer_deletes", userid="anna", external_userid=customer)
    console.do("staff_deletes", userid="ben", external_userid=customer)
    console.do("add_tags", group="等级", names="VIP 普通")
    chat_id = console.do("create_group", name="群", owner="anna").url.path.rpartition("/")[2]
    console.do("join", chat_id=chat_id, ids=customer)
    console.do("leave", chat_id=chat_id, ids=customer)
    console.do("rename", chat_id=chat_id, name="新群")
    console.do("dismiss", chat_id=chat_id)
    msgid = console.api.send("hi", sender="anna", external_userid=[customer])
    console.do("confirm", msgid=msgid, userid="anna")
    changes = [event.change_type for event in box.record.events]

    assert "朵拉" in console.page("/staff")
    assert [
        "del_follow_user",
        "del_external_contact",
        *["create"] * 4,
        "update",
        "update",
        "update",
        "dismiss",
    ] == changes
    assert [2] == [delivery.status for delivery in box.record.deliveries]


def test_time(console: Console) -> None:
    """The clock moves by the buttons, also to what comes next; what waits is delivered."""
    box = console.box
    taken: list[bytes] = []
    before = box.clock.now()
    console.do("advance", seconds="3600")
    console.do("next")
    assert timedelta(hours=1) == box.clock.now() - before
    box.create_group(owner="anna")
    box.on_callback(lambda _, body: taken.append(body) or 200)  # type: ignore[func-returns-value]
    assert "next event" in console.page("/")
    console.do("deliver")
    console.do("next")

    assert 1 == len(taken)
    assert 0 == box.pending_callbacks


def test_faults(console: Console) -> None:
    """Faults are planned, seen and taken back."""
    console.do("fault", kind="busy", path="mark_tag", times="2", after="on")
    console.do("fault", kind="lost_request", times="0")
    assert [(Fault("busy", "mark_tag", 2, after_change=True), 2), (Fault("lost_request", times=0), 0)] == (
        console.box.faults.planned()
    )
    page = console.page("/faults")
    console.do("clear_faults")

    assert "mark_tag" in page
    assert [] == console.box.faults.planned()


@pytest.mark.parametrize(
    ("status", "action", "fields"),
    [
        (400, "scan", {"code": "none"}),
        (400, "scan", {}),
        (400, "nothing", {}),
        (400, "fault", {"kind": "flood"}),
        (400, "advance", {"seconds": "soon"}),
    ],
)
def test_mistakes(console: Console, status: int, action: str, fields: dict[str, str]) -> None:
    """What cannot be done says why, and changes nothing."""
    before = console.box.record.size

    answer = console.do(action, **fields)

    assert status == answer.status_code
    assert 'class="failure"' in answer.text
    assert before == console.box.record.size


def test_others_pages_do_not_act(console: Console) -> None:
    """A page of another site, open in the same browser, sends no form here."""
    foreign = {"origin": "https://evil.example"}
    own = {"origin": str(console.browser.base_url).rstrip("/")}

    assert 403 == console.browser.post("/do/add_staff", data={"userid": "eve"}, headers=foreign).status_code
    assert 403 == console.browser.get("/do/add_staff?userid=eve").status_code
    assert 200 == console.browser.post("/do/add_staff", data={"userid": "eve"}, headers=own).status_code


def test_nothing_is_taken_for_markup(console: Console) -> None:
    """Names are text, whatever they hold."""
    external_userid = console.box.add_customer(None, "<script>alert(1)</script>", staff=["anna"])

    for path in ("/customers", f"/customers/{external_userid}"):
        assert "<script>alert" not in console.page(path)
    assert '<a href="&quot;&gt;">&lt;</a>' == el("a", "<", href='">')
    assert "<p><b>x</b></p>" == el("p", Html("<b>x</b>"), None)


def test_pages_look_anew_when_something_has_happened(console: Console) -> None:
    """The version changes with every event, call and move of the clock, and not by being looked at."""
    versions = [console.page("/version") for _ in range(2)]
    console.box.create_group(owner="anna")
    versions.append(console.page("/version"))
    console.box.advance(timedelta(minutes=1))
    versions.append(console.page("/version"))

    assert versions[0] == versions[1]
    assert 3 == len(set(versions))


def test_browser(console: Console, tmp_path: Path) -> None:
    """In a browser a developer scans a code, sees the customer, tags them, and a page left open follows by itself."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser = _chromium(webdriver, tmp_path)
    try:
        console.code("shop")
        [_] = console.api.add_tags("VIP")
        url = str(console.browser.base_url)
        browser.get(url)
        browser.find_element("css selector", "form[action='/do/scan'] input[name=name]").send_keys("小雨")
        browser.find_element("css selector", "form[action='/do/scan'] button").click()
        _until(browser, "小雨")
        browser.find_element("css selector", "form[action='/do/edit'] button").click()
        _until(browser, "+VIP")
        browser.find_element("tag name", "h1").click()
        external_userid = browser.current_url.rpartition("/")[2]
        console.box.customer_deletes_staff(external_userid, "anna")
        _until(browser, "del_follow_user")
        assert browser.save_screenshot(str(tmp_path / "customer.png"))
        assert [] == [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    finally:
        browser.quit()


def _chromium(webdriver: Any, folder: Path) -> Any:
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-sync"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def _until(browser: Any, text: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 20).until(lambda b: text in b.page_source)
