"""Messages of an app to staff."""

from __future__ import annotations

import json

from collections.abc import Callable, Coroutine
from typing import Any

import attrs
import pytest

from privdom.errors import BadRequest, MayHaveArrived, NoPermission, NotUnderstood, UsageError
from privdom.sandbox import Fault
from privdom.wecom import File, Image, Link, Video, structure, unstructure
from privdom.wecom.app_messages import (
    EVERYONE,
    AppContent,
    AppMessageSent,
    AppSafety,
    AppText,
    AppVideo,
    Article,
    ButtonInteraction,
    Card,
    CardButton,
    CardCheckbox,
    CardColor,
    CardEmphasis,
    CardField,
    CardFieldType,
    CardImage,
    CardImageText,
    CardJump,
    CardLink,
    CardMenu,
    CardMenuItem,
    CardOption,
    CardParagraph,
    CardQuote,
    CardReplacement,
    CardSelect,
    CardSource,
    CardSubmit,
    CardTarget,
    CardTitle,
    CardUpdated,
    Markdown,
    MiniProgramNotice,
    MpArticle,
    MpNews,
    MultipleInteraction,
    News,
    NewsNotice,
    NoticeItem,
    RecallAppMessageRequest,
    SendAppMessageRequest,
    TextCard,
    TextNotice,
    UpdateCardRequest,
    Voice,
    VoteInteraction,
)
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.retry import Retry
from tests.chapters.conftest import Corp, Scripted


URL = "https://crm.example.com/orders/1"
OPTIONS = [CardOption("1", "好"), CardOption("2", "不好")]
MENU = CardMenu([CardMenuItem("不再提醒", "mute")])
NOTICE = TextNotice(
    main_title=CardTitle("新线索", "来自门店"),
    emphasis_content=CardEmphasis("3", "位客户"),
    source=CardSource("CRM", desc_color=CardColor.GREEN),
    quote_area=CardQuote("想买两件", type=CardLink.URL, url=URL),
    sub_title_text="请今天联系",
    horizontal_content_list=[
        CardField("门店", "上海"),
        CardField("订单", "打开", CardFieldType.URL, url=URL),
        CardField("负责人", type=CardFieldType.STAFF, userid="anna"),
        CardField("合同", "a.pdf", CardFieldType.FILE, media_id="m"),
    ],
    jump_list=[CardJump("详情", CardLink.MINI_PROGRAM, appid="wx1", pagepath="p")],
    card_action=URL,
)
MP_ARTICLE = MpArticle("周报", "m", "<p>c</p>", "安娜", URL, "d")
TO_PROGRAM = MiniProgramNotice("wx1", "预订成功", "p", "下午两点", True, [NoticeItem("会议室", "402")])
NEWS = NewsNotice(
    main_title="周报",
    card_action=CardTarget(CardLink.MINI_PROGRAM, appid="wx1"),
    card_image=CardImage("https://example.com/p.png", 1.5),
    image_text_area=CardImageText("https://example.com/q.png", "t", "d", CardLink.URL, URL),
    vertical_content_list=[CardParagraph("新客", "12")],
)
BUTTONS = ButtonInteraction(
    main_title="转派?",
    task_id="task-1",
    button_list=[CardButton("同意", "yes", style=3), CardButton("看", url=URL, type=CardLink.URL)],
    button_selection=CardSelect("why", OPTIONS, "原因", "1"),
)
VOTE = VoteInteraction(
    main_title="团建",
    task_id="task-2",
    checkbox=CardCheckbox("where", [CardOption("1", "海边", is_checked=True), CardOption("2", "山里")], mode=1),
    submit_button=CardSubmit("提交", "done"),
)
SELECTS = MultipleInteraction(
    main_title="问卷",
    task_id="task-3",
    select_list=[CardSelect("a", OPTIONS), CardSelect("b", OPTIONS)],
    submit_button=CardSubmit("提交", "done"),
)


def sending(corp: Corp, content: AppContent, **arguments: Any) -> Callable[[AsyncWeCom], Coroutine[Any, Any, Any]]:
    async def scenario(wecom: AsyncWeCom) -> AppMessageSent:
        wecom.session.retry = Retry(first_wait=0.0)
        return await wecom.app_messages.send(content, agent_id=corp.box.agent_id, **arguments)

    return scenario


def got(corp: Corp) -> list[tuple[str, str]]:
    """Return who got what, one entry a head."""
    entries = [entry for entry in corp.box.record.app_messages if entry.kind == "sent"]
    return [(userid, entry.content) for entry in entries for userid in entry.staff]


def test_a_text_goes_to_staff(corp: Corp) -> None:
    """Those who are named get it, who is unknown is told."""
    sent = corp(sending(corp, "早会九点", touser=["anna", "Nobody"], toparty=[99], totag=[5]))

    assert [("anna", "早会九点")] == got(corp)
    assert (("nobody",), ("99",), ("5",), ()) == (
        sent.invaliduser,
        sent.invalidparty,
        sent.invalidtag,
        sent.unlicenseduser,
    )
    assert (True, "") == (bool(sent.msgid), sent.response_code)


def test_a_message_to_everybody(corp: Corp) -> None:
    """All staff whom the app may see."""
    corp(sending(corp, AppText("hi"), touser=[EVERYONE], safe=True, enable_id_trans=True))

    assert {"anna", "ben", "chen"} == {userid for userid, _ in got(corp)}


@pytest.mark.parametrize(
    ("msgtype", "content"),
    [
        ("markdown", Markdown("**新线索**")),
        (
            "news",
            News(
                [Article("周报", URL, "d", "https://example.com/p.png"), Article("小程序", appid="wx1", pagepath="p")]
            ),
        ),
        ("image", Image("m")),
        ("voice", Voice("m")),
        ("video", AppVideo("m", "t", "d")),
        ("video", Video("m")),
        ("file", File("m")),
        ("textcard", TextCard("领奖", '<div class="gray">今天</div>', URL, "更多")),
        ("mpnews", MpNews([MP_ARTICLE])),
        ("miniprogram_notice", TO_PROGRAM),
        *(("template_card", card) for card in (NOTICE, NEWS, BUTTONS, VOTE, SELECTS)),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_kind_is_understood(corp: Corp, msgtype: str, content: AppContent) -> None:
    """The sandbox, which checks by itself, takes all of it; only what can be answered has a code."""
    corp.box.on_callback(lambda params, body: 200)
    sent = corp(sending(corp, content, touser=["anna"]))
    entry = corp.box.record.app_messages[0]

    assert (msgtype, ("anna",)) == (entry.msgtype, entry.staff)
    assert bool(sent.response_code) == isinstance(content, ButtonInteraction | VoteInteraction | MultipleInteraction)
    assert not sent.response_code or sent.response_code not in repr(sent)


@pytest.mark.parametrize("card", [NOTICE, NEWS, BUTTONS, VOTE, SELECTS], ids=lambda card: card.card_type)
def test_a_card_comes_back_from_json(card: Card) -> None:
    """What waits in a queue as JSON is the same request again."""
    request = SendAppMessageRequest.of(card, agent_id=1, touser=["a", "b"], totag=[3])
    plain = json.loads(json.dumps(unstructure(request)))

    assert request == structure(plain, SendAppMessageRequest)
    assert ("a|b", "3", card.card_type) == (plain["touser"], plain["totag"], plain["template_card"]["card_type"])


@pytest.mark.parametrize(
    "content",
    [Image("m"), Voice("m"), AppVideo("m", "t"), File("m"), TextCard("t", "d", URL), MpNews([MP_ARTICLE]), TO_PROGRAM],
    ids=lambda content: content.msgtype,
)
def test_other_contents_come_back_from_json(content: Any) -> None:
    """Each stands under the name of its kind."""
    request = SendAppMessageRequest.of(content, agent_id=1, touser=["a"])
    plain = json.loads(json.dumps(unstructure(request)))

    assert request == structure(plain, SendAppMessageRequest)
    assert {"touser", "msgtype", "agentid", content.msgtype} == set(plain)


def test_confidential_articles(corp: Corp) -> None:
    """Articles that WeCom keeps can be kept within the corp; what else has the switch is confidential or not."""
    asked = [
        unstructure(SendAppMessageRequest.of(content, agent_id=1, touser=["a"], safe=safe)).get("safe")
        for content, safe in ((MpNews([MP_ARTICLE]), AppSafety.CORP_ONLY), ("t", True), (File("m"), AppSafety.OPEN))
    ]
    corp(sending(corp, MpNews([MP_ARTICLE]), touser=["anna"], safe=AppSafety.CORP_ONLY))

    assert [2, 1, None] == asked
    assert ["anna"] == [userid for userid, _ in got(corp)]


def test_what_was_uploaded_is_sent(corp: Corp) -> None:
    """What the media chapter gives goes into a message as it is; an id that is none is refused."""
    corp.box.rules = attrs.evolve(corp.box.rules, check_media=True)

    async def scenario(wecom: AsyncWeCom) -> None:
        app, agent_id = wecom.app_messages, corp.box.agent_id
        png, mp4 = b"\x89PNG\r\n\x1a\n" + b"0" * 32, b"0000ftyp" + b"0" * 32
        await app.send(await wecom.media.image(png, name="a.png"), agent_id=agent_id, touser=["anna"])
        await app.send(await wecom.media.video(mp4, name="a.mp4"), agent_id=agent_id, touser=["anna"])
        await app.send(await wecom.media.file(b"123456", name="a.txt"), agent_id=agent_id, touser=["anna"])
        with pytest.raises(BadRequest) as none:
            await app.send(Voice("none"), agent_id=agent_id, touser=["anna"])
        assert 40007 == none.value.errcode

    corp(scenario)

    assert ["image", "video", "file"] == [entry.msgtype for entry in corp.box.record.app_messages]


def test_each_option_of_a_vote_says_whether_it_is_ticked() -> None:
    """WeCom's page wants it of all; of a question it wants it of none."""
    vote = unstructure(VOTE)["checkbox"]["option_list"]
    question = unstructure(SELECTS)["select_list"][0]["option_list"]

    assert [True, False] == [option["is_checked"] for option in vote]
    assert not any("is_checked" in option for option in question)


def test_an_answered_card_can_be_closed(corp: Corp) -> None:
    """It takes no more answers, and needs no button to hand them in."""
    corp.box.on_callback(lambda params, body: 200)
    options = [CardOption("1", "海边", is_checked=True), CardOption("2", "山里")]
    closed = VoteInteraction(
        main_title="团建", checkbox=CardCheckbox("where", options, disable=True), replace_text="已投"
    )

    async def scenario(wecom: AsyncWeCom) -> None:
        sent = await wecom.app_messages.send(VOTE, agent_id=corp.box.agent_id, touser=["anna"])
        code = sent.response_code
        await wecom.app_messages.update_card(code, agent_id=corp.box.agent_id, atall=True, card=closed)

    corp(scenario)
    shown = json.loads(corp.box.record.app_messages[-1].content)

    assert (True, "已投", False) == (shown["checkbox"]["disable"], shown["replace_text"], "submit_button" in shown)


@pytest.mark.parametrize("card", [{"card_type": "song"}, {}, 5])
def test_what_is_no_card_is_not_understood(card: object) -> None:
    """The error names the field."""
    plain = {"touser": "a", "msgtype": "template_card", "agentid": 1, "template_card": card}

    with pytest.raises(NotUnderstood, match="template_card"):
        structure(plain, SendAppMessageRequest)


def test_defaults_are_left_to_wecom() -> None:
    """Nothing stands in the call that was not asked for."""
    assert {"touser": "a", "msgtype": "text", "agentid": 1, "text": {"content": "hi"}} == unstructure(
        SendAppMessageRequest.of("hi", agent_id=1, touser=["a"])
    )


def test_a_lost_answer_is_not_sent_again(corp: Corp) -> None:
    """Without the duplicate check staff would get it twice, and no list tells whether they got it."""
    corp.box.faults.add(Fault("lost_response", "message/send"))

    with pytest.raises(MayHaveArrived):
        corp(sending(corp, "hi", touser=["anna"]))
    assert [("anna", "hi")] == got(corp)


@pytest.mark.parametrize("fault", ["lost_response", "lost_request"])
@pytest.mark.parametrize("interval", [None, 600])
def test_the_duplicate_check_makes_it_safe_to_repeat(corp: Corp, fault: Any, interval: int | None) -> None:
    """Whether the first arrived or not, staff get it once."""
    corp.box.faults.add(Fault(fault, "message/send"))
    corp(sending(corp, "hi", touser=["anna"], enable_duplicate_check=True, duplicate_check_interval=interval))

    assert [("anna", "hi")] == got(corp)


def test_a_short_check_does_not_make_it_safe(corp: Corp) -> None:
    """The last repeat could come after its end, so there is none."""
    corp.box.faults.add(Fault("lost_response", "message/send"))

    with pytest.raises(MayHaveArrived):
        corp(sending(corp, "hi", touser=["anna"], enable_duplicate_check=True, duplicate_check_interval=599))


def test_a_patient_client_outlasts_the_check(corp: Corp) -> None:
    """The last of its repeats could come after the half hour, so there is none."""
    corp.box.faults.add(Fault("lost_response", "message/send"))

    async def scenario(wecom: AsyncWeCom) -> None:
        wecom.session.retry = Retry(attempts=20, first_wait=0.0)
        await wecom.app_messages.send("hi", agent_id=corp.box.agent_id, touser=["anna"], enable_duplicate_check=True)

    with pytest.raises(MayHaveArrived):
        corp(scenario)


def test_refusals(corp: Corp) -> None:
    """All receivers unknown, another app, a card that nobody would hear of."""

    async def another_app(wecom: AsyncWeCom) -> object:
        return await wecom.app_messages.send("hi", agent_id=5, touser=["anna"])

    with pytest.raises(BadRequest) as nobody:
        corp(sending(corp, "hi", touser=["nobody"]))
    with pytest.raises(NoPermission) as app:
        corp(another_app)
    with pytest.raises(BadRequest) as deaf:
        corp(sending(corp, BUTTONS, touser=["anna"]))
    assert [81013, 301002, 43012] == [error.value.errcode for error in (nobody, app, deaf)]


def test_a_message_is_taken_back(corp: Corp) -> None:
    """By its msgid; one that is none is refused."""

    async def scenario(wecom: AsyncWeCom) -> str:
        sent = await wecom.app_messages.send("hi", agent_id=corp.box.agent_id, touser=["anna"])
        await wecom.app_messages.recall(sent.msgid)
        with pytest.raises(BadRequest):
            await wecom.app_messages.recall("none")
        return sent.msgid

    msgid = corp(scenario)

    assert ("recalled", msgid) == (corp.box.record.app_messages[-1].kind, corp.box.record.app_messages[-1].msgid)


def test_a_card_is_changed(corp: Corp) -> None:
    """Its button for all, or the whole of it for some; a code works once."""
    corp.box.on_callback(lambda params, body: 200)
    agent_id = corp.box.agent_id

    async def scenario(wecom: AsyncWeCom) -> list[CardUpdated]:
        app = wecom.app_messages
        buttons = await app.send(BUTTONS, agent_id=agent_id, touser=["anna", "ben"])
        vote = await app.send(VOTE, agent_id=agent_id, touser=["anna"])
        seen = [
            await app.update_card(buttons.response_code, agent_id=agent_id, atall=True, replace_name="已办"),
            await app.update_card(
                vote.response_code, agent_id=agent_id, userids=["anna", "Ben"], card=NOTICE, enable_id_trans=True
            ),
        ]
        with pytest.raises(BadRequest) as used:
            await app.update_card(vote.response_code, agent_id=agent_id, atall=True, card=NOTICE)
        assert 60140 == used.value.errcode
        return seen

    assert [CardUpdated(()), CardUpdated(("ben",))] == corp(scenario)
    changes = [entry for entry in corp.box.record.app_messages if entry.kind == "updated"]
    assert [("已办", ("anna", "ben")), ("text_notice", ("anna",))] == [
        (changes[0].content, changes[0].staff),
        (json.loads(changes[1].content)["card_type"], changes[1].staff),
    ]


def test_receivers_come_joined_or_not_at_all(scripted: Callable[..., Any]) -> None:
    """Null, empty and several; a single department may come as a number."""
    answer = {"invaliduser": "a|b", "invalidparty": 7, "invalidtag": "", "unlicenseduser": None, "msgid": "m"}

    async def scenario(wecom: AsyncWeCom) -> AppMessageSent:
        return await wecom.app_messages.send("hi", agent_id=1, touser=["a"])

    sent = scripted(scenario, Scripted(send=[answer]))

    assert (("a", "b"), ("7",), (), ()) == (sent.invaliduser, sent.invalidparty, sent.invalidtag, sent.unlicenseduser)
    assert "a|b" == unstructure(sent)["invaliduser"]


def request(content: AppContent = "hi", **arguments: Any) -> SendAppMessageRequest:
    return SendAppMessageRequest.of(content, **{"agent_id": 1, "touser": ["a"], **arguments})


def change(**arguments: Any) -> UpdateCardRequest:
    given = {"agentid": 1, "response_code": "c", "atall": 1, "button": CardReplacement("ok"), **arguments}
    return UpdateCardRequest(**given)


def notice(**arguments: Any) -> TextNotice:
    return TextNotice(**{"main_title": "t", "card_action": URL, **arguments})


def news(**arguments: Any) -> NewsNotice:
    return NewsNotice(**{"main_title": "t", "card_action": URL, "card_image": CardImage("u"), **arguments})


def buttons(**arguments: Any) -> ButtonInteraction:
    return ButtonInteraction(**{"main_title": "t", "button_list": [CardButton("b", "k")], **arguments})


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "nobody": (lambda: request(touser=[]), "goes to nobody"),
    "a bare userid": (lambda: request(touser="anna"), "put it in brackets"),
    "joined userids": (lambda: request(touser=["a|b"]), "joined by bars"),
    "a customer": (lambda: request(touser=["wm" + "A" * 30]), "looks like the id of a customer"),
    "too many staff": (lambda: request(touser=[f"u{i}" for i in range(1_001)]), "takes 1000"),
    "too many departments": (lambda: request(toparty=range(101)), "takes 100"),
    "a bare department": (lambda: request(toparty="12"), "such as .1, 2."),
    "too many tags": (lambda: request(totag=range(101)), "takes 100"),
    "everybody and one": (lambda: request(touser=[EVERYONE, "a"]), "beside @all"),
    "everybody and a department": (lambda: request(touser=[EVERYONE], toparty=[1]), "beside @all"),
    "no agent": (lambda: request(agent_id=-1), "agent_id is -1"),
    "an interval without a check": (lambda: request(duplicate_check_interval=60), "enable_duplicate_check=True"),
    "a long interval": (
        lambda: request(enable_duplicate_check=True, duplicate_check_interval=14_401),
        "from 1 to 14400",
    ),
    "another msgtype": (
        lambda: SendAppMessageRequest(touser=["a"], agentid=1, msgtype="news", text=AppText("t")),
        "msgtype must name",
    ),
    "two contents": (
        lambda: SendAppMessageRequest(
            touser=["a"], agentid=1, msgtype="text", text=AppText("t"), markdown=Markdown("t")
        ),
        "msgtype must name",
    ),
    "no text": (lambda: request(""), "content has 0 bytes"),
    "a long text": (lambda: request("长" * 683), "content has 2049 bytes"),
    "a long markdown": (lambda: Markdown("长" * 683), "1 to 2048"),
    "no article": (lambda: News([]), "articles is empty"),
    "nine articles": (lambda: News([Article("t", URL)] * 9), "takes 8"),
    "a bare article": (lambda: News(Article("t", URL)), "put it in brackets"),  # type: ignore[arg-type]
    "an article to nowhere": (lambda: Article("t"), "needs a url, or appid"),
    "an article to two places": (lambda: Article("t", URL, appid="wx", pagepath="p"), "WeCom ignores url"),
    "half a mini program": (lambda: Article("t", appid="wx"), "both appid and pagepath"),
    "no title": (lambda: Article("", URL), "title has 0 bytes"),
    "a long title": (lambda: Article("长" * 43, URL), "title has 129"),
    "a long description": (lambda: Article("t", URL, "长" * 171), "description has 513"),
    "a long page": (lambda: Article("t", appid="wx", pagepath="p" * 129), "pagepath has 129"),
    "an article without scheme": (lambda: Article("t", "crm.example.com"), "http:// or https://"),
    "a link": (lambda: request(Link("t", URL)), "cannot send a Link"),  # type: ignore[arg-type]
    "an image by url": (lambda: request(Image(pic_url=URL)), "by its media_id"),
    "no voice": (lambda: Voice(""), "media_id is empty"),
    "no video": (lambda: AppVideo(""), "media_id is empty"),
    "a video's long title": (lambda: AppVideo("m", "长" * 43), "title has 129"),
    "a video's long description": (lambda: AppVideo("m", "t", "长" * 171), "description has 513"),
    "a card of text without title": (lambda: TextCard("", "d", URL), "title has 0 characters"),
    "a card of text with a long title": (lambda: TextCard("长" * 129, "d", URL), "title has 129 characters"),
    "a card of text without words": (lambda: TextCard("t", "", URL), "description has 0 characters"),
    "a card of text with many words": (lambda: TextCard("t", "长" * 513, URL), "description has 513 characters"),
    "a card of text to nowhere": (lambda: TextCard("t", "d", ""), "http:// or https://"),
    "a card of text to far away": (lambda: TextCard("t", "d", URL + "a" * 2_048), "url has"),
    "a long button": (lambda: TextCard("t", "d", URL, "看看详情吧"), "btntxt has 5 characters"),
    "no kept article": (lambda: MpNews([]), "articles is empty"),
    "nine kept articles": (lambda: MpNews([MP_ARTICLE] * 9), "takes 8"),
    "a bare kept article": (lambda: MpNews(MP_ARTICLE), "put it in brackets"),  # type: ignore[arg-type]
    "a kept article without title": (lambda: MpArticle("", "m", "c"), "title has 0 bytes"),
    "a kept article without picture": (lambda: MpArticle("t", "", "c"), "thumb_media_id is empty"),
    "a kept article without text": (lambda: MpArticle("t", "m", ""), "content has 0 bytes"),
    "a kept article with much text": (lambda: MpArticle("t", "m", "c" * 666_001), "content has 666001 bytes"),
    "a long author": (lambda: MpArticle("t", "m", "c", "长" * 22), "author has 66 bytes"),
    "a long digest": (lambda: MpArticle("t", "m", "c", digest="长" * 171), "digest has 513 bytes"),
    "a notice of no program": (lambda: MiniProgramNotice("", "预订成功"), "appid is empty"),
    "a short notice": (lambda: MiniProgramNotice("wx1", "三个字"), "title has 3 characters"),
    "a long notice": (lambda: MiniProgramNotice("wx1", "长" * 13), "title has 13 characters"),
    "a notice's few words": (lambda: MiniProgramNotice("wx1", "预订成功", description="短"), "description has 1"),
    "a notice's long page": (lambda: MiniProgramNotice("wx1", "预订成功", "p" * 1_025), "page has 1025 bytes"),
    "a notice's many lines": (
        lambda: MiniProgramNotice("wx1", "预订成功", content_item=[NoticeItem("k", "v")] * 11),
        "takes 10",
    ),
    "a notice's bare line": (
        lambda: MiniProgramNotice("wx1", "预订成功", content_item=NoticeItem("k", "v")),  # type: ignore[arg-type]
        "put it in brackets",
    ),
    "a line's long name": (lambda: NoticeItem("长" * 11, "v"), "key has 11 characters"),
    "a line's long value": (lambda: NoticeItem("k", "长" * 31), "value has 31 characters"),
    "a line of nothing": (lambda: NoticeItem("", ""), "leaves such a line out"),
    "a notice to everybody": (lambda: request(TO_PROGRAM, touser=[EVERYONE]), "to @all"),
    "confidential news": (lambda: request(News([Article("t", URL)]), safe=True), "no confidential news"),
    "a confidential card": (lambda: request(NOTICE, safe=True), "no confidential template_card"),
    "a text within the corp": (lambda: request("t", safe=AppSafety.CORP_ONLY), "only mpnews"),
    "a safety": (lambda: request("t", safe=3), "safe is 3"),
    "names in a picture": (lambda: request(Image("m"), enable_id_trans=True), "no names into image"),
    "names in marks": (lambda: request(Markdown("t"), enable_id_trans=True), "no names into markdown"),
    "no msgid": (lambda: RecallAppMessageRequest(""), "msgid is empty"),
    "no code": (lambda: change(response_code=""), "response_code is empty"),
    "a change for nobody": (lambda: change(atall=None), "changes for nobody"),
    "a change into nothing": (lambda: change(button=None), "give one of replace_name"),
    "a change into two": (lambda: change(template_card=NOTICE), "give one of replace_name"),
    "a change for too many": (lambda: change(userids=[f"u{i}" for i in range(1_001)]), "takes 1000"),
    "a change for many departments": (lambda: change(partyids=range(101)), "takes 100"),
    "a change for many tags": (lambda: change(tagids=range(101)), "takes 100"),
    "no replacement": (lambda: CardReplacement(""), "replace_name is empty"),
    "a notice without words": (lambda: notice(main_title=None), "main_title is empty"),
    "a notice to nowhere": (lambda: notice(card_action=None), "card_action leads nowhere"),
    "a notice to nothing": (lambda: notice(card_action=CardTarget(CardLink.NOWHERE)), "card_action leads nowhere"),
    "a target without url": (lambda: CardTarget(CardLink.URL), "card_action.url is empty"),
    "a target without app": (lambda: CardTarget(CardLink.MINI_PROGRAM), "card_action.appid is empty"),
    "a target of a kind": (lambda: CardTarget(7), "card_action.type is 7"),
    "a menu without task": (lambda: request(notice(action_menu=MENU)), "needs a task_id"),
    "buttons without task": (lambda: request(buttons()), "needs a task_id"),
    "a replacement at first": (lambda: request(buttons(task_id="t", replace_text="x")), "give them to update_card"),
    "an odd task": (lambda: notice(task_id="任务"), "letters, digits and _-@"),
    "a long task": (lambda: notice(task_id="t" * 129), "at most 128"),
    "no menu": (lambda: CardMenu([]), "action_list is empty"),
    "a long menu": (lambda: CardMenu([CardMenuItem("t", str(i)) for i in range(4)]), "takes 3"),
    "two equal keys": (lambda: CardMenu([CardMenuItem("t", "k")] * 2), "key 'k' stands there twice"),
    "a menu item without text": (lambda: CardMenuItem("", "k"), "text is empty"),
    "a menu item without key": (lambda: CardMenuItem("t", ""), "key has 0 bytes"),
    "a color": (lambda: CardSource("t", desc_color=9), "desc_color is 9"),
    "a quote without url": (lambda: CardQuote("t", type=CardLink.URL), "quote_area.url is empty"),
    "seven fields": (lambda: notice(horizontal_content_list=[CardField("k")] * 7), "takes 6"),
    "a bare field": (lambda: notice(horizontal_content_list=CardField("k")), "put it in brackets"),
    "a field without name": (lambda: CardField(""), "keyname is empty"),
    "a field without url": (lambda: CardField("k", type=CardFieldType.URL), "url is empty"),
    "a field without file": (lambda: CardField("k", type=CardFieldType.FILE), "media_id is empty"),
    "a field without staff": (lambda: CardField("k", type=CardFieldType.STAFF), "userid is empty"),
    "a field of a kind": (lambda: CardField("k", type=9), "type is 9"),
    "four jumps": (lambda: notice(jump_list=[CardJump("t")] * 4), "takes 3"),
    "a jump without title": (lambda: CardJump(""), "title is empty"),
    "a jump without url": (lambda: CardJump("t", CardLink.URL), "jump_list.url is empty"),
    "news without title": (lambda: news(main_title=CardTitle(), sub_title_text="t"), "main_title is empty"),
    "news without picture": (lambda: news(card_image=None), "has no picture"),
    "five paragraphs": (lambda: news(vertical_content_list=[CardParagraph("t")] * 5), "takes 4"),
    "a paragraph without title": (lambda: CardParagraph(""), "title is empty"),
    "a picture without url": (lambda: CardImage(""), "card_image.url is empty"),
    "a narrow picture": (lambda: CardImage("u", 1.2), "aspect_ratio is 1.2: it must be from 1.3 to 2.25"),
    "a small picture without url": (lambda: CardImageText(""), "image_url is empty"),
    "no buttons": (lambda: buttons(button_list=[]), "button_list is empty"),
    "seven buttons": (lambda: buttons(button_list=[CardButton("b", "k")] * 7), "takes 6"),
    "buttons without title": (lambda: buttons(main_title=None), "main_title is empty"),
    "a button without text": (lambda: CardButton("", "k"), "text is empty"),
    "a button for nothing": (lambda: CardButton("b"), "one of key and url"),
    "a button for two": (lambda: CardButton("b", "k", URL, type=CardLink.URL), "one of key and url"),
    "a button with half a link": (lambda: CardButton("b", url=URL), "type=CardLink.URL"),
    "a button to a mini program": (lambda: CardButton("b", "k", type=CardLink.MINI_PROGRAM), "type=CardLink.URL"),
    "a loud button": (lambda: CardButton("b", "k", style=5), "style is 5"),
    "a long key": (lambda: CardButton("b", "k" * 1_025), "key has 1025"),
    "two buttons with one key": (lambda: buttons(button_list=[CardButton("b", "k")] * 2), "'k' stands there twice"),
    "a long question key": (lambda: CardSelect("q" * 1_025, OPTIONS), "question_key has 1025"),
    "a vote's long key": (lambda: CardCheckbox("q" * 1_025, OPTIONS), "question_key has 1025"),
    "a vote that cannot be handed in": (
        lambda: request(VoteInteraction(main_title="t", task_id="t", checkbox=CardCheckbox("q", OPTIONS))),
        "no submit_button",
    ),
    "questions that cannot be handed in": (
        lambda: request(MultipleInteraction(main_title="t", task_id="t", select_list=[CardSelect("q", OPTIONS)])),
        "no submit_button",
    ),
    "a vote that is over at first": (
        lambda: request(attrs.evolve(VOTE, checkbox=CardCheckbox("q", OPTIONS, disable=True))),
        "give them to update_card",
    ),
    "questions that are over at first": (
        lambda: request(attrs.evolve(SELECTS, select_list=[CardSelect("q", OPTIONS, disable=True)])),
        "give them to update_card",
    ),
    "no options": (lambda: CardSelect("q", []), "option_list is empty"),
    "eleven options": (lambda: CardSelect("q", [CardOption(str(i), "t") for i in range(11)]), "takes 10"),
    "two equal options": (lambda: CardSelect("q", [CardOption("1", "t")] * 2), "id '1' stands there twice"),
    "no such option": (lambda: CardSelect("q", OPTIONS, selected_id="9"), "the id of no option"),
    "no question": (lambda: CardSelect("", OPTIONS), "question_key has 0 bytes"),
    "a long option": (lambda: CardOption("1" * 129, "t"), "id has 129"),
    "an option without text": (lambda: CardOption("1", ""), "text is empty"),
    "a long vote": (lambda: CardCheckbox("q", [CardOption(str(i), "t") for i in range(21)]), "takes 20"),
    "a mode": (lambda: CardCheckbox("q", OPTIONS, 2), "mode is 2"),
    "a vote without question": (lambda: CardCheckbox("", OPTIONS), "question_key has 0 bytes"),
    "a submit without key": (lambda: CardSubmit("t", ""), "key has 0 bytes"),
    "a submit without text": (lambda: CardSubmit("", "k"), "text is empty"),
    "no questions": (
        lambda: MultipleInteraction(main_title="t", select_list=[], submit_button=CardSubmit("t", "k")),
        "select_list is empty",
    ),
    "two equal questions": (
        lambda: MultipleInteraction(
            main_title="t", select_list=[CardSelect("q", OPTIONS)] * 2, submit_button=CardSubmit("t", "k")
        ),
        "question_key 'q' stands there twice",
    ),
}


@pytest.mark.parametrize(("make", "what"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_succeed_is_refused(make: Callable[[], object], what: str) -> None:
    """On construction, with what to do instead."""
    with pytest.raises(UsageError, match=what):
        make()


def test_a_code_is_hidden() -> None:
    """Whoever has it can change the card."""
    assert "hush" not in repr(change(response_code="hush")) + repr(AppMessageSent("m", response_code="hush"))
