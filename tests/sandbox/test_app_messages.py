"""Messages of the app to staff."""

from __future__ import annotations

import json

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from privdom.sandbox import AppMessageEntry
from tests.sandbox.calls import post
from tests.sandbox.conftest import Api, sign_in


TEXT = {"msgtype": "text", "text": {"content": "早会九点"}}
ARTICLE = {"title": "t", "url": "https://example.com"}
MP_ARTICLE = {"title": "t", "thumb_media_id": "m", "content": "<p>c</p>"}
TEXT_CARD = {"title": "t", "description": "d", "url": "https://example.com"}
TO_PROGRAM = {"appid": "wx1", "title": "预订成功"}
LINK = {"type": 1, "url": "https://example.com"}
NOTICE = {"card_type": "text_notice", "main_title": {"title": "t"}, "card_action": LINK}
NEWS = {
    "card_type": "news_notice",
    "main_title": {"title": "t"},
    "card_action": LINK,
    "card_image": {"url": "https://example.com/p.png"},
}
OPTIONS = [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]
SUBMIT = {"text": "交", "key": "k"}
BUTTONS = {
    "card_type": "button_interaction",
    "main_title": {"title": "t"},
    "task_id": "t1",
    "button_list": [{"text": "好", "key": "yes"}],
}
VOTE = {
    "card_type": "vote_interaction",
    "main_title": {"title": "t"},
    "task_id": "t1",
    "checkbox": {"question_key": "q", "option_list": OPTIONS},
    "submit_button": SUBMIT,
}
SELECTS = {
    "card_type": "multiple_interaction",
    "main_title": {"title": "t"},
    "task_id": "t1",
    "select_list": [{"question_key": "q", "option_list": OPTIONS}],
    "submit_button": SUBMIT,
}


def send(api: Api, **change: Any) -> dict[str, Any]:
    return post(api, "message/send", **{"touser": "anna", "agentid": api.box.agent_id, **TEXT, **change})


def card(api: Api, body: dict[str, Any], **change: Any) -> dict[str, Any]:
    return send(api, msgtype="template_card", template_card={**body, **change})


def last(api: Api) -> AppMessageEntry:
    return api.box.record.app_messages[-1]


def received(api: Api) -> list[str]:
    """Return who got which text, one entry a head."""
    entries = [entry for entry in api.box.record.app_messages if entry.kind == "sent"]
    return [f"{userid}: {entry.content}" for entry in entries for userid in entry.staff]


@pytest.fixture
def heard(corp: Callable[..., Api]) -> Api:
    """Return a client of a corp whose callbacks somebody hears."""
    api = corp()
    api.box.set_callback("http://127.0.0.1:9/")
    return api


def test_text(api: Api) -> None:
    """Staff who are named get it, in whatever case; it is known by its msgid."""
    answer = send(api, touser="ANNA|ben|ben")

    assert ["anna: 早会九点", "ben: 早会九点"] == received(api)
    assert last(api).msgid == answer["msgid"]
    assert {""} == {answer[name] for name in ("invaliduser", "invalidparty", "invalidtag", "unlicenseduser")}
    assert "response_code" not in answer
    assert [answer["msgid"]] == list(api.box.state()["app_messages"])  # type: ignore[call-overload]


def test_everyone(api: Api) -> None:
    """All staff; departments beside them do not matter."""
    answer = send(api, touser="@all", toparty="99")

    assert 3 == len(received(api))
    assert "" == answer["invalidparty"]


def test_departments(corp: Callable[..., Api]) -> None:
    """The staff of a department and of those below it, each once; below can be switched off."""
    for rules, expected in (({}, ("dora", "emil")), ({"app_messages_reach_below": False}, ("dora",))):
        api = corp(**rules)
        east = api.box.add_department("华东")
        api.box.add_staff("dora", department=east)
        api.box.add_staff("emil", department=api.box.add_department("门店", parent=east))
        send(api, touser="dora", toparty=str(east))

        assert expected == last(api).staff


def test_bad_receivers(corp: Callable[..., Api]) -> None:
    """They are named, userids in lower case; the others get it."""
    api = corp(unlicensed_staff=("Ben",))
    answer = send(api, touser="anna|Nobody|BEN", toparty="1|99|x", totag="5")

    assert ("nobody", "ben") == (answer["invaliduser"], answer["unlicenseduser"])
    assert ("99|x", "5") == (answer["invalidparty"], answer["invalidtag"])
    assert ["anna", "chen"] == sorted(last(api).staff)


def test_nobody_is_left(corp: Callable[..., Api]) -> None:
    """All unknown, or all without licence, is an error."""
    api = corp(unlicensed_staff=("ben",))

    assert [81013] * 3 == [send(api, touser=userids, totag="5")["errcode"] for userids in ("x", "ben", "x|ben")]
    assert [] == received(api)


def test_blanks_around_bars(api: Api) -> None:
    """They do not matter, as in WeCom's samples."""
    answer = send(api, touser="anna | ben", toparty="98 | 99")

    assert (("anna", "ben"), "98|99") == (last(api).staff, answer["invalidparty"])


MISTAKES: list[tuple[int, dict[str, Any]]] = [
    (82001, {"touser": ""}),
    (40032, {"touser": "|".join(f"u{i}" for i in range(1_001))}),
    (82002, {"toparty": "|".join(map(str, range(101)))}),
    (82003, {"totag": "|".join(map(str, range(101)))}),
    (41011, {"agentid": None}),
    (301002, {"agentid": 5}),
    (40058, {"safe": 3}),
    (40008, {"msgtype": None}),
    (40008, {"msgtype": "song"}),
    (44004, {"text": None}),
    (44004, {"text": {"content": ""}}),
    (40063, {"msgtype": "markdown", "markdown": {}}),
    (40063, {"msgtype": "image"}),
    *((41006, {"msgtype": kind, kind: {"media_id": ""}}) for kind in ("image", "voice", "video", "file")),
    (41016, {"msgtype": "textcard", "textcard": {**TEXT_CARD, "title": ""}}),
    (41033, {"msgtype": "textcard", "textcard": {**TEXT_CARD, "description": ""}}),
    (41010, {"msgtype": "textcard", "textcard": {**TEXT_CARD, "url": ""}}),
    (45034, {"msgtype": "textcard", "textcard": {**TEXT_CARD, "url": "crm.example.com"}}),
    (40074, {"msgtype": "news", "news": {"articles": [ARTICLE]}, "safe": 1}),
    (40058, {"safe": 2}),
    (40063, {"msgtype": "mpnews", "mpnews": {"articles": []}}),
    (45008, {"msgtype": "mpnews", "mpnews": {"articles": [MP_ARTICLE] * 9}}),
    (41016, {"msgtype": "mpnews", "mpnews": {"articles": [{**MP_ARTICLE, "title": None}]}}),
    (41006, {"msgtype": "mpnews", "mpnews": {"articles": [{**MP_ARTICLE, "thumb_media_id": None}]}}),
    (40063, {"msgtype": "mpnews", "mpnews": {"articles": [{**MP_ARTICLE, "content": None}]}}),
    (45002, {"msgtype": "mpnews", "mpnews": {"articles": [{**MP_ARTICLE, "content": "a" * 666_001}]}}),
    (45032, {"msgtype": "mpnews", "mpnews": {"articles": [{**MP_ARTICLE, "author": "a" * 65}]}}),
    (90207, {"msgtype": "miniprogram_notice", "miniprogram_notice": {**TO_PROGRAM, "appid": ""}}),
    (41016, {"msgtype": "miniprogram_notice", "miniprogram_notice": {**TO_PROGRAM, "title": ""}}),
    (40058, {"msgtype": "miniprogram_notice", "miniprogram_notice": {**TO_PROGRAM, "title": "三个字"}}),
    (40058, {"msgtype": "miniprogram_notice", "miniprogram_notice": {**TO_PROGRAM, "description": "长" * 13}}),
    (90201, {"msgtype": "miniprogram_notice", "miniprogram_notice": {**TO_PROGRAM, "content_item": [{}] * 11}}),
    (40058, {"msgtype": "miniprogram_notice", "miniprogram_notice": TO_PROGRAM, "touser": "@all"}),
    (301002, {"msgtype": "miniprogram_notice", "miniprogram_notice": TO_PROGRAM, "agentid": 5}),
    (40063, {"msgtype": "news", "news": {"articles": []}}),
    (45008, {"msgtype": "news", "news": {"articles": [ARTICLE] * 9}}),
    (41016, {"msgtype": "news", "news": {"articles": [{**ARTICLE, "title": ""}]}}),
    (41010, {"msgtype": "news", "news": {"articles": [{"title": "t", "appid": "wx1"}]}}),
    (45034, {"msgtype": "news", "news": {"articles": [{**ARTICLE, "url": "crm.example.com"}]}}),
    (40058, {"enable_duplicate_check": 1, "duplicate_check_interval": 14_401}),
]


def test_mistakes(api: Api) -> None:
    """Each mistake has its errcode, and nobody gets anything."""
    expected = [errcode for errcode, _ in MISTAKES]

    assert expected == [send(api, **change)["errcode"] for _, change in MISTAKES]
    assert [] == api.box.record.app_messages


def test_long_text_is_cut(api: Api) -> None:
    """At 2,048 bytes, between characters; titles and descriptions at theirs."""
    send(api, text={"content": "好" * 1_000})
    assert "好" * 682 == last(api).content
    send(api, msgtype="news", news={"articles": [{**ARTICLE, "title": "好" * 43, "description": "d" * 513}]})
    assert {**ARTICLE, "title": "好" * 42, "description": "d" * 512} == json.loads(last(api).content)["articles"][0]
    send(api, msgtype="textcard", textcard={**TEXT_CARD, "title": "好" * 129, "btntxt": "看看详情吧"})
    assert {**TEXT_CARD, "title": "好" * 128, "btntxt": "看看详情"} == json.loads(last(api).content)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        *((kind, {"media_id": "m"}) for kind in ("image", "voice", "file")),
        ("video", {"media_id": "m", "title": "t"}),
        ("textcard", TEXT_CARD),
        ("news", {"articles": [{"title": "t", "appid": "wx1", "pagepath": "p"}]}),
        ("mpnews", {"articles": [{**MP_ARTICLE, "digest": "d"}]}),
        ("miniprogram_notice", {**TO_PROGRAM, "content_item": [{"key": "会议室", "value": "402"}]}),
    ],
)
def test_other_kinds(api: Api, kind: str, content: dict[str, Any]) -> None:
    """What staff see is what came."""
    assert 0 == send(api, msgtype=kind, **{kind: content})["errcode"]
    assert (kind, content) == (last(api).msgtype, json.loads(last(api).content))


def test_markdown(api: Api) -> None:
    """What staff see is the text."""
    send(api, msgtype="markdown", markdown={"content": "**t**"})

    assert ("markdown", "**t**") == (last(api).msgtype, last(api).content)


NAMED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("textcard", {**TEXT_CARD, "title": "$userName=ben$"}, {**TEXT_CARD, "title": "Ben"}),
    (
        "news",
        {"articles": [{**ARTICLE, "description": "$userAliasOrName=BEN$"}]},
        {"articles": [{**ARTICLE, "description": "Ben"}]},
    ),
    (
        "mpnews",
        {"articles": [{**MP_ARTICLE, "author": "$userName=ben$", "digest": "$userName=ben$"}]},
        {"articles": [{**MP_ARTICLE, "author": "$userName=ben$", "digest": "Ben"}]},
    ),
    (
        "mpnews",
        {"articles": [{**MP_ARTICLE, "content": f"$departmentName={'9' * 5_000}$ $departmentName=1$"}]},
        {"articles": [{**MP_ARTICLE, "content": f"$departmentName={'9' * 5_000}$ 总部"}]},
    ),
    (
        "miniprogram_notice",
        {**TO_PROGRAM, "content_item": [{"key": "k", "value": "$userName=ben$"}]},
        {**TO_PROGRAM, "content_item": [{"key": "k", "value": "Ben"}]},
    ),
    (
        "template_card",
        {**NOTICE, "main_title": {"title": "找$userName=ben$"}, "horizontal_content_list": [{"keyname": "k"}]},
        {**NOTICE, "main_title": {"title": "找Ben"}, "horizontal_content_list": [{"keyname": "k"}]},
    ),
]


@pytest.mark.parametrize(("kind", "content", "seen"), NAMED, ids=[kind for kind, _, _ in NAMED])
def test_names_in_what_has_fields(api: Api, kind: str, content: dict[str, Any], seen: dict[str, Any]) -> None:
    """Names stand where WeCom's page says so, and nowhere else."""
    send(api, msgtype=kind, **{kind: content}, enable_id_trans=1)

    assert seen == json.loads(last(api).content)


@pytest.mark.parametrize("nowhere", ["x", "99", "٣"])
def test_names_in_a_text(api: Api, nowhere: str) -> None:
    """What names nobody stays as it is, and so does everything unless it is asked for."""
    east = api.box.add_department("华东")
    text = f"$departmentName={east}$的$userName=ANNA$, $userName=nobody$, $userAlias=anna$, $departmentName={nowhere}$"
    seen = f"华东的Anna, $userName=nobody$, $userAlias=anna$, $departmentName={nowhere}$"
    for wanted, expected in ((1, seen), (0, text)):
        send(api, text={"content": text}, enable_id_trans=wanted)
        assert expected == last(api).content


def test_a_notice_of_a_mini_program_needs_no_agentid(api: Api) -> None:
    """Its page tells of none."""
    assert 0 == send(api, msgtype="miniprogram_notice", miniprogram_notice=TO_PROGRAM, agentid=None)["errcode"]


def test_articles_may_be_kept_within_the_corp(api: Api) -> None:
    """Those whose text WeCom keeps, and nothing else."""
    assert 0 == send(api, msgtype="mpnews", mpnews={"articles": [MP_ARTICLE]}, safe=2)["errcode"]


def test_media_must_be_media(corp: Callable[..., Api]) -> None:
    """With `check_media`, an id that is none, is of another kind, or was uploaded for a moment is refused."""
    api = corp(check_media=True)
    api.box.set_callback("http://127.0.0.1:9/")

    def upload(path: str, **query: Any) -> str:
        files = {"media": ("a.png", b"\x89PNG\r\n\x1a\n" + b"0" * 32)}
        params = {"access_token": api.token, **query}
        return str(api.client.post(f"/cgi-bin/media/{path}", params=params, files=files).json()["media_id"])

    image, file = upload("upload", type="image"), upload("upload", type="file")
    moment = upload("upload_attachment", media_type="image", attachment_type=1)
    row = {"keyname": "k", "type": 2}
    answers = [
        *(send(api, msgtype="image", image={"media_id": media_id}) for media_id in (image, file, moment, "none")),
        *(
            send(api, msgtype="mpnews", mpnews={"articles": [{**MP_ARTICLE, "thumb_media_id": media_id}]})
            for media_id in (image, file)
        ),
        *(card(api, NOTICE, horizontal_content_list=[{**row, "media_id": media_id}]) for media_id in (file, image)),
    ]

    assert [0, 40007, 40007, 40007, 0, 40007, 0, 40007] == [answer["errcode"] for answer in answers]


def test_duplicates(api: Api) -> None:
    """The same call within the interval goes to nobody; another text, another receiver, or later does."""
    check = {"enable_duplicate_check": 1, "duplicate_check_interval": 60}
    first, second = send(api, **check), send(api, **check)
    send(api, **check, touser="ben")
    api.box.advance(timedelta(seconds=59))
    send(api, **check)
    api.box.advance(timedelta(seconds=1))
    send(api, **check)

    assert ["sent", "stopped", "sent", "stopped", "sent"] == [e.kind for e in api.box.record.app_messages]
    assert ["anna: 早会九点", "ben: 早会九点", "anna: 早会九点"] == received(api)
    assert (0, 0, True) == (first["errcode"], second["errcode"], first["msgid"] != second["msgid"])
    assert 40058 == post(api, "message/recall", msgid=second["msgid"])["errcode"]


def test_duplicates_last_half_an_hour(corp: Callable[..., Api]) -> None:
    """By default; and the msgid may be that of the first."""
    api = corp(duplicates_keep_msgid=True)
    first = send(api, enable_duplicate_check=1)
    api.box.advance(timedelta(seconds=1_799))
    second = send(api, enable_duplicate_check=1)
    api.box.advance(timedelta(seconds=1))
    third = send(api, enable_duplicate_check=1)

    assert first["msgid"] == second["msgid"] != third["msgid"]


def test_without_the_check(api: Api) -> None:
    """The same call twice is two messages."""
    send(api)
    send(api)

    assert 2 == len(received(api))


def test_too_many_are_dropped(api: Api) -> None:
    """More than 30 a minute to one staff go nowhere, and the answer does not say so."""
    answers = {send(api, text={"content": str(i)})["errcode"] for i in range(31)}
    send(api, touser="anna|ben")
    dropped = [entry.dropped for entry in api.box.record.app_messages]
    api.box.advance(timedelta(minutes=1))
    send(api)

    assert {0} == answers
    assert [()] * 30 + [("anna",), ("anna",)] == dropped
    assert ("anna",) == last(api).staff


def test_two_hundred_a_day_for_each_account(corp: Callable[..., Api]) -> None:
    """Each receiver counts; what does not fit is refused as a whole, until midnight in China."""
    api = corp(accounts=1)
    for _ in range(6):
        send(api, touser="@all")
        api.box.advance(timedelta(minutes=1))
    for i in range(6, 66):
        send(api, touser="@all", text={"content": str(i)})
        api.box.advance(timedelta(minutes=1))
    api = sign_in(api.box, api.client)
    refused, two = send(api, touser="@all")["errcode"], send(api, touser="anna|ben")["errcode"]
    api.box.advance(timedelta(hours=16))

    assert (45009, 0) == (refused, two)
    assert 0 == send(sign_in(api.box, api.client), touser="@all")["errcode"]


def test_recall(api: Api) -> None:
    """A message is taken back within 24 hours, twice if need be."""
    msgid = send(api)["msgid"]
    old = send(api)["msgid"]
    answers = [post(api, "message/recall", msgid=text)["errcode"] for text in (msgid, msgid, "x", "")]
    entry = last(api)
    api.box.advance(timedelta(hours=24, seconds=1))

    assert [0, 0, 40058, 40063] == answers
    assert ("recalled", msgid, ("anna",)) == (entry.kind, entry.msgid, entry.staff)
    assert 1 == sum(entry.kind == "recalled" for entry in api.box.record.app_messages)
    assert 42052 == post(sign_in(api.box, api.client), "message/recall", msgid=old)["errcode"]


def test_second_recall(corp: Callable[..., Api]) -> None:
    """What it answers is a rule."""
    api = corp(second_recall_errcode=40058)
    msgid = send(api)["msgid"]

    assert [0, 40058] == [post(api, "message/recall", msgid=msgid)["errcode"] for _ in range(2)]


@pytest.mark.parametrize("body", [NOTICE, NEWS, BUTTONS, VOTE, SELECTS], ids=lambda body: body["card_type"])
def test_cards(heard: Api, body: dict[str, Any]) -> None:
    """Each kind can be sent; those that staff can answer come with a code to change them."""
    answer = card(heard, body)

    assert 0 == answer["errcode"], answer
    assert body == json.loads(last(heard).content)
    assert ("task_id" in body) == bool(answer.get("response_code"))


def test_cards_need_ears(api: Api) -> None:
    """What staff can answer needs a callback URL; what they only read does not."""
    assert [0, 0, 43012] == [card(api, body)["errcode"] for body in (NOTICE, NEWS, BUTTONS)]


CARD_MISTAKES: list[tuple[int, dict[str, Any], dict[str, Any]]] = [
    (42031, NOTICE, {"card_type": None}),
    (42031, NOTICE, {"card_type": "song"}),
    (42033, NOTICE, {"main_title": None}),
    (42045, NOTICE, {"card_action": None}),
    (42045, NOTICE, {"card_action": {}}),
    (42028, NOTICE, {"card_action": {"type": 1}}),
    (42030, NOTICE, {"card_action": {"type": 2}}),
    (42014, NOTICE, {"task_id": "不"}),
    (42014, NOTICE, {"task_id": "a" * 129}),
    (42014, NOTICE, {"action_menu": {"action_list": [{"text": "t", "key": "k"}]}}),
    (40058, NOTICE, {"task_id": "t", "action_menu": {"action_list": []}}),
    (40058, NOTICE, {"task_id": "t", "action_menu": {"action_list": [{"text": "t"}]}}),
    (40058, NOTICE, {"task_id": "t", "action_menu": {"action_list": [{"key": "k"}]}}),
    (42051, NOTICE, {"task_id": "t", "action_menu": {"action_list": [{"text": "t", "key": "k"}] * 2}}),
    (40058, NOTICE, {"source": {"desc_color": 4}}),
    (42028, NOTICE, {"quote_area": {"type": 1}}),
    (40058, NOTICE, {"quote_area": {"type": 3}}),
    (42035, NOTICE, {"horizontal_content_list": [{"keyname": "k"}] * 7}),
    (42027, NOTICE, {"horizontal_content_list": [{}]}),
    (42028, NOTICE, {"horizontal_content_list": [{"keyname": "k", "type": 1}]}),
    (42029, NOTICE, {"horizontal_content_list": [{"keyname": "k", "type": 2}]}),
    (40058, NOTICE, {"horizontal_content_list": [{"keyname": "k", "type": 3}]}),
    (42042, NOTICE, {"jump_list": [{"title": "t"}] * 4}),
    (42033, NOTICE, {"jump_list": [{}]}),
    (42033, NEWS, {"main_title": {}, "sub_title_text": "t"}),
    (42044, NEWS, {"card_image": None}),
    (42044, NEWS, {"card_image": {}}),
    (40058, NEWS, {"image_text_area": {}}),
    (42036, NEWS, {"vertical_content_list": [{"title": "t"}] * 5}),
    (42033, NEWS, {"vertical_content_list": [{}]}),
    (42014, BUTTONS, {"task_id": None}),
    (42033, BUTTONS, {"main_title": None}),
    (40058, BUTTONS, {"button_list": []}),
    (42038, BUTTONS, {"button_list": [{"key": "k"}]}),
    (42039, BUTTONS, {"button_list": [{"text": "t"}]}),
    (42028, BUTTONS, {"button_list": [{"text": "t", "type": 1}]}),
    (42039, BUTTONS, {"button_list": [{"text": "t", "key": "k"}] * 2}),
    (42028, BUTTONS, {"card_action": {"type": 1}}),
    (42037, BUTTONS, {"button_selection": {"question_key": "q", "option_list": []}}),
    (40058, VOTE, {"checkbox": None}),
    (42037, VOTE, {"checkbox": {"question_key": "q", "option_list": [{"id": "1", "text": "a"}] * 21}}),
    (40058, VOTE, {"submit_button": None}),
    (42038, VOTE, {"submit_button": {"key": "k"}}),
    (42039, VOTE, {"submit_button": {"text": "t"}}),
    (42047, SELECTS, {"select_list": []}),
    (42037, SELECTS, {"select_list": [{"question_key": "q", "option_list": [{"id": "1", "text": "a"}] * 11}]}),
    (40058, SELECTS, {"select_list": [{"option_list": OPTIONS}]}),
    (40058, SELECTS, {"select_list": [{"question_key": "q" * 1_025, "option_list": OPTIONS}]}),
    (40058, SELECTS, {"select_list": [{"question_key": "q", "option_list": OPTIONS}] * 2}),
    (40058, SELECTS, {"select_list": [{"question_key": "q", "option_list": [OPTIONS[0]] * 2}]}),
]


def test_mistakes_in_cards(heard: Api) -> None:
    """Each mistake has its errcode, and nobody gets anything."""
    expected = [errcode for errcode, _, _ in CARD_MISTAKES]

    assert expected == [card(heard, body, **change)["errcode"] for _, body, change in CARD_MISTAKES]
    assert [] == heard.box.record.app_messages


def test_an_odd_style_is_the_first(heard: Api) -> None:
    """WeCom shows a button in another style than 1 to 4 in the first."""
    assert 0 == card(heard, BUTTONS, button_list=[{"text": "t", "key": "k", "style": 5}])["errcode"]


def test_a_task_id_is_used_once(heard: Api) -> None:
    """Another card of the app cannot have it."""
    assert [0, 42014, 0] == [card(heard, BUTTONS, task_id=task_id)["errcode"] for task_id in ("a", "a", "b")]


def update(api: Api, code: str, **body: Any) -> dict[str, Any]:
    given = {"agentid": api.box.agent_id, "atall": 1, "button": {"replace_name": "已办"}, **body}
    return post(api, "message/update_template_card", response_code=code, **given)


def test_a_card_changes(heard: Api) -> None:
    """For all who got it, or for some; who did not get it is named in lower case."""
    codes = []
    for task_id in ("a", "b"):
        answer = send(heard, touser="anna|ben", msgtype="template_card", template_card={**BUTTONS, "task_id": task_id})
        codes.append(answer["response_code"])
    whole = update(heard, codes[0])
    entry = last(heard)
    part = update(heard, codes[1], atall=0, userids=["anna", "chen", "Nobody"], button=None, template_card=NOTICE)

    assert ("updated", "已办", ("anna", "ben")) == (entry.kind, entry.content, entry.staff)
    assert ([], ["nobody", "chen"]) == (whole["invaliduser"], part["invaliduser"])
    assert (NOTICE, ("anna",)) == (json.loads(last(heard).content), last(heard).staff)


def test_an_answered_card_needs_no_submit_button(heard: Api) -> None:
    """A new one does."""
    answered = {**VOTE, "submit_button": None, "task_id": None, "replace_text": "已交"}
    code = card(heard, VOTE)["response_code"]

    assert 0 == update(heard, code, button=None, template_card=answered)["errcode"]


def test_a_code_works_once_within_72_hours(heard: Api) -> None:
    """A refused call does not use it up."""
    code, old = (card(heard, BUTTONS, task_id=task_id)["response_code"] for task_id in ("a", "b"))
    answers = [update(heard, code, button=None), update(heard, code), update(heard, code), update(heard, "x")]
    heard.box.advance(timedelta(hours=72, seconds=1))

    assert [40063, 0, 60140, 60140] == [answer["errcode"] for answer in answers]
    assert 60140 == update(sign_in(heard.box, heard.client), old)["errcode"]


CHANGE_MISTAKES: list[tuple[int, dict[str, Any]]] = [
    (41011, {"agentid": None}),
    (301002, {"agentid": 5}),
    (40063, {"template_card": NOTICE}),
    (40063, {"button": {}}),
    (42045, {"button": None, "template_card": {**NOTICE, "card_action": None}}),
    (82101, {"atall": 0}),
    (40058, {"atall": 0, "partyids": list(range(101))}),
    (40058, {"atall": 0, "userids": [f"u{i}" for i in range(1_001)]}),
]


def test_mistakes_in_changes(heard: Api) -> None:
    """Each mistake has its errcode, and leaves the code as it was."""
    code = card(heard, BUTTONS)["response_code"]
    expected = [errcode for errcode, _ in CHANGE_MISTAKES]

    assert expected == [update(heard, code, **change)["errcode"] for _, change in CHANGE_MISTAKES]
    assert 0 == update(heard, code)["errcode"]


def test_a_notice_has_no_button(heard: Api) -> None:
    """One with a menu can become another card, but has no button to be greyed out."""
    menu = {"task_id": "m", "action_menu": {"action_list": [{"text": "t", "key": "k"}]}}
    code = card(heard, NOTICE, **menu)["response_code"]

    assert 40058 == update(heard, code)["errcode"]
    assert 0 == update(heard, code, button=None, template_card=NEWS, atall=0, partyids=[1])["errcode"]
    assert ("anna",) == last(heard).staff
