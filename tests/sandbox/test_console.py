"""The console: what stands on its pages, and what its forms do."""

from __future__ import annotations

import shutil

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from privdom.sandbox import Fault, Sandbox
from privdom.sandbox.console.html import Html, el
from privdom.sandbox.console.pages import PAGES
from privdom.sandbox.faults import Chance, FaultKind
from tests.sandbox.conftest import staffed
from tests.sandbox.consoles import Console, serving


@pytest.fixture
def console() -> Iterator[Console]:
    """Return the console of a corp with three staff."""
    with serving(staffed()) as console:
        yield console


def test_from_scan_to_tag(console: Console) -> None:
    """The page of a customer tells their story in sentences: the scan, the callback, the welcome, the tag, the message."""
    console.box.on_callback(lambda _, __: 200)
    code = console.code()
    seen = console.do("scan", code=code, name="小雨")
    external_userid = seen.url.path.rpartition("/")[2]
    console.do("deliver")
    welcome_code = console.box.record.events[0].fields[-1][1]
    console.api.post("send_welcome_msg", welcome_code=welcome_code, text={"content": "欢迎光临"})
    console.do("writes", userid="anna", external_userid=external_userid)
    [vip, plain] = console.api.add_tags("VIP", "普通")
    console.api.post("mark_tag", userid="anna", external_userid=external_userid, add_tag=[vip])
    console.do("edit", userid="anna", external_userid=external_userid, add=plain)
    console.api.send("新品到店", sender="anna", external_userid=[external_userid])
    console.box.advance(timedelta(hours=3))
    page = console.seen(f"/customers/{external_userid}")

    story = (
        "小雨 scanned the code store and added Anna add_external_contact State=store",
        "小雨 wrote to Anna",
        "your program was told of add_external_contact #1 delivered",
        "Anna welcomed 小雨: 欢迎光临",
        "your program tagged 小雨 +VIP by API",
        "Anna tagged 小雨 +普通 in the client",
        "小雨 got from Anna: 新品到店",
    )
    assert sorted(page.index(part) for part in story) == [page.index(part) for part in story]
    assert page.startswith(" 小雨 ")


def test_moments_and_blocked_words(console: Console) -> None:
    """A moment that staff published, and words that a rule kept from customers, stand in the story of whom they concern."""
    friend, stranger = (console.box.add_customer(staff=[userid]) for userid in ("anna", "ben"))
    console.box.staff_posts("anna", "秋茶上市")
    console.box.admin_adds_intercept_rule("飞单", ["加我微信"], users=["anna"])
    console.box.staff_sends("anna", "加我微信", [friend])
    pages = [console.page(path) for path in ("/staff/anna", f"/customers/{friend}", f"/customers/{stranger}", "/log")]

    assert [True, True, False, True] == ["秋茶上市" in page for page in pages]
    assert [True, False, False, True] == ["加我微信" in page for page in pages]


@pytest.mark.parametrize("path", PAGES)
def test_pages(path: str) -> None:
    """Every page opens, in an empty corp and in one that was filled from the console."""
    with serving(Sandbox(7)) as console:
        before = console.page(f"/{path}")
        console.do("populate", customers="60")
        userid = console.api.get("get_follow_user_list")["follow_user"][0]
        console.api.send("hello", sender=userid)
        console.do("fault", kind="slow")
        after = console.page(f"/{path}")

    assert "</html>" in before
    assert len(before) < len(after)


def test_one_of_each(console: Console) -> None:
    """Staff, groups and messages have pages of their own, with those whom they concern."""
    customer = console.box.add_customer("wmMeow", "喵", staff=["anna"])
    group = console.box.create_group("福利群", owner="anna", members=[customer])
    msgid = console.api.send("hi", sender="anna", external_userid=[customer])

    assert "customers" in console.page("/staff/anna")
    assert "喵" in console.page(f"/groups/{group}")
    assert "has not confirmed" in console.page(f"/messages/{msgid}")
    assert 404 == console.browser.get("/customers/wmNobody").status_code
    assert 404 == console.browser.get("/codes/nothing").status_code


def test_search(console: Console) -> None:
    """Customers are found by name, id, tag, state and staff, fifty at a time."""
    ids = [console.box.add_customer(None, f"客{i:02}", staff=["anna"], state="door") for i in range(60)]
    [tag] = console.box.admin_adds_tags("等级", ["VIP"]).values()
    console.box.staff_edits_customer("anna", ids[3], add_tags=[tag])

    def shown(query: str) -> int:
        return console.page(f"/customers{query}").count('<a href="/customers/wm')

    assert [50, 10, 0, 50] == [shown(""), shown("?from=50"), shown("?from=100"), shown("?from=-1")]
    assert '<a href="?q=door&amp;from=50">' in console.page("/customers?q=door")
    assert 'value="DOOR"' in console.page("/customers?q=DOOR")
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
    assert "→ next due 18:00:00" in console.page("/")
    console.do("deliver")
    console.do("next")

    assert 1 == len(taken)
    assert 0 == box.pending_callbacks


def test_faults(console: Console) -> None:
    """Faults of every kind are planned, with all that they have, seen and taken back."""
    faults = console.box.faults
    form = console.page("/faults")
    assert all(f'<option value="{kind}">' in form for kind in get_args(FaultKind))
    console.do("fault", kind="busy", path="mark_tag", subject="wmMeow", times="2", after="on", delay="60")
    console.do("fault", kind="late_acceptance", times="0", delay="1.5")
    busy, late = Fault("busy", "mark_tag", 2, "wmMeow", after_change=True), Fault("late_acceptance", times=0, delay=1.5)
    assert [(busy, 2), (late, 0)] == faults.planned()
    data = {"percent": "5", "kinds": ["slow", "quota"], "paths": "mark_tag externalcontact/get"}
    console.browser.post("/do/chance", data=data)
    assert [Chance(0.05, ("slow", "quota"), ("mark_tag", "externalcontact/get"))] == faults.by_chance()
    page = console.seen("/faults")
    console.do("clear_faults")

    assert "busy mark_tag wmMeow yes 2" in page
    assert "late_acceptance any any no always" in page
    assert "5 % slow, quota mark_tag, externalcontact/get" in page
    assert ([], []) == (faults.planned(), faults.by_chance())


@pytest.mark.parametrize(
    ("status", "action", "fields"),
    [
        (400, "scan", {"code": "none"}),
        (400, "scan", {}),
        (400, "nothing", {}),
        (400, "fault", {"kind": "flood"}),
        (400, "advance", {"seconds": "soon"}),
        (400, "advance", {"seconds": "1e300"}),
        (400, "fault", {"kind": "busy", "times": "often"}),
        (400, "chance", {"percent": "5"}),
        (400, "buy_uses", {"count": "many"}),
    ],
)
def test_mistakes(console: Console, status: int, action: str, fields: dict[str, str]) -> None:
    """What cannot be done says why, and changes nothing."""
    before = console.box.record.size

    answer = console.do(action, **fields)

    assert status == answer.status_code
    assert 'class="failure"' in answer.text
    assert '<a href="/log?kind=event">← back</a>' in answer.text
    assert "<script>" not in answer.text
    assert before == console.box.record.size


def test_forms_lead_nowhere_else(console: Console) -> None:
    """Wherever a form says that it stood, it leads to a page of this console."""
    headers = {"referer": "http://here//evil.example/x"}
    answer = console.browser.post("/do/deliver", data={}, headers=headers, follow_redirects=False)
    made = console.browser.post(
        "/do/scan", data={"code": console.code(), "external_userid": "wm 喵\r\nX: y"}, follow_redirects=False
    )

    assert "/evil.example/x" == answer.headers["location"]
    assert "/customers/wm%20%E5%96%B5%0D%0AX%3A%20y" == made.headers["location"]
    assert "wm 喵" in console.page(made.headers["location"])
    assert 403 == console.browser.get("/do/deliver").status_code


def test_nothing_is_taken_for_markup(console: Console) -> None:
    """Names are text, whatever they hold, and a page runs no script but its own."""
    evil = "<script>alert(1)</script>"
    box = console.box
    customer = box.add_customer(None, evil, staff=["anna"], state=evil, remark=evil)
    [tag] = console.api.add_tags(evil, group=evil)
    box.add_staff(evil, evil)
    group = box.create_group(evil, owner="anna", members=[customer])
    box.staff_edits_customer("anna", customer, add_tags=[tag])
    msgid = console.api.send(evil, sender="anna", external_userid=[customer])
    console.code(evil)
    box.admin_adds_product(evil, 1)
    box.admin_adds_intercept_rule(evil[:20], [evil], users=["anna"])
    box.staff_sends("anna", evil, [customer])
    moment = box.staff_posts("anna", evil)
    box.faults.add(Fault("busy", evil, subject=evil))

    things = [f"customers/{customer}", f"groups/{group}", f"messages/{msgid}", f"moments/{moment}", "staff/anna"]
    for path in (
        *PAGES,
        *things,
        f"customers?q={evil}",
        f"log?kind={evil}",
        f"codes/{evil}",
        f"customers?staff={evil}",
    ):
        answer = console.browser.get(f"/{path}")
        assert "<script>alert" not in answer.text
        assert "script-src 'sha256-" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert '<a href="&quot;&gt;">&lt;</a>' == el("a", "<", href='">')
    assert "<p><b>x</b></p>" == el("p", Html("<b>x</b>"), None)


def test_counts_have_their_words(console: Console) -> None:
    """One callback is one callback, and times are those of the corp, in UTC+8."""
    console.box.create_group(owner="anna")
    one = console.page("/")
    console.box.create_group(owner="anna")
    two = console.page("/")

    assert "deliver 1 callback<" in one
    assert "<b>1</b>group " in one
    assert "deliver 2 callbacks<" in two
    assert "<b>2</b>groups " in two
    assert 'title="2026-01-05 09:00:00 UTC" datetime="2026-01-05T09:00:00+00:00">2026-01-05 17:00:00<' in one


def test_pages_look_anew_when_something_has_happened(console: Console) -> None:
    """The version changes with every event, call and move of the clock, and not by being looked at."""
    versions = [console.page("/version") for _ in range(2)]
    console.box.create_group(owner="anna")
    versions.append(console.page("/version"))
    console.box.advance(timedelta(minutes=1))
    versions.append(console.page("/version"))
    console.box.add_staff("dora")
    versions.append(console.page("/version"))

    assert versions[0] == versions[1]
    assert 4 == len(set(versions))


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
        remark = browser.find_element("css selector", "input[name=remark]")
        remark.send_keys("老客")
        console.box.customer_writes(external_userid, "anna")
        _until(browser, 'id="news">')
        assert "老客" == remark.get_attribute("value")
        browser.find_element("id", "news").click()
        _until(browser, "wrote to")
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
