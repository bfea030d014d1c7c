"""What must hold right after a call, by endpoint: the answer says what the sandbox's own state says."""

from __future__ import annotations

import hashlib
import json

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from privdom.sandbox.state import Follow
from tests.conformance.listen import Heard


__all__ = ["CHECKS", "works"]

Check = Callable[[Heard], None]

_TOKEN_ENDED: Final = (40014, 42001)


def works(heard: Heard) -> None:
    """Judge a call that must go well: it reached its endpoint, was accepted, and what came back is so."""
    assert not heard.error, heard.error
    if not heard.endpoint.startswith("/cgi-bin/callback/"):
        assert heard.endpoint == heard.path
        # Where a token has ended, a client gets a new one and calls again.
        assert [0] == [errcode for errcode in heard.errcodes if errcode not in _TOKEN_ENDED][-1:], heard.errcodes
        assert set(heard.errcodes) <= {0, *_TOKEN_ENDED}, heard.errcodes
    CHECKS[heard.endpoint.removeprefix("/cgi-bin/").removeprefix("externalcontact/")](heard)


def _list(heard: Heard, name: str) -> Any:
    # Some clients unwrap the only list of an answer.
    return heard.answer if isinstance(heard.answer, list) else heard.answer[name]


def _follow(heard: Heard) -> Follow:
    return heard.state.customers[heard.sent["external_userid"]].follows[heard.sent["userid"]]


def _all(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


# The door, and members.


def _token(heard: Heard) -> None:
    token = heard.answer if isinstance(heard.answer, str) else heard.answer["access_token"]
    box = heard.stage.box
    with box.looking() as world:
        world.tokens.check(token)


def _user(heard: Heard) -> None:
    staff = heard.state.staff[heard.sent["userid"]]
    assert (staff.userid, staff.name) == (heard.answer["userid"], heard.answer["name"])


def _users(heard: Heard) -> None:
    rows = _list(heard, "userlist")
    number = int(heard.sent["department_id"])
    assert {s.userid for s in heard.state.staff.values() if number in s.departments} == set(_all(rows, "userid"))


def _userids(heard: Heard) -> None:
    rows = _list(heard, "dept_user")
    pairs = {(s.userid, number) for s in heard.state.staff.values() for number in s.departments}
    found = {(row["userid"], row["department"]) for row in rows}
    if "limit" in heard.sent:
        assert heard.sent["limit"] == len(found)
        assert found < pairs
        assert heard.answer["next_cursor"]
    else:
        assert pairs == found


def _departments(heard: Heard) -> None:
    name = "department" if heard.endpoint.endswith("/list") else "department_id"
    assert set(heard.state.departments) == set(_all(_list(heard, name), "id"))


def _department(heard: Heard) -> None:
    shown = heard.answer.get("department", heard.answer)
    assert heard.state.departments[int(heard.sent["id"])].name == shown["name"]


def _signed_in(heard: Heard) -> None:
    assert "anna" == heard.answer["userid"]
    assert heard.answer["user_ticket"] in heard.state.user_tickets


def _detail(heard: Heard) -> None:
    assert "anna" == heard.answer["userid"]
    assert "@" in heard.answer["email"]


def _ips(heard: Heard) -> None:
    assert all(ip[0].isdigit() for ip in _list(heard, "ip_list"))
    assert _list(heard, "ip_list")


def _ticket(heard: Heard) -> None:
    ticket = heard.answer if isinstance(heard.answer, str) else heard.answer["ticket"]
    query = {"type": "agent_config"} if heard.endpoint.endswith("/ticket/get") else {}
    assert query == heard.sent
    assert heard.stage.call(heard.endpoint.removeprefix("/cgi-bin/"), None, **query)["ticket"] == ticket


def _app_message(heard: Heard) -> None:
    message = heard.state.app_messages[heard.answer["msgid"]]
    assert set(heard.sent["touser"].split("|")) == set(message.staff)
    assert heard.sent["msgtype"] == message.msgtype


def _card(heard: Heard) -> None:
    assert not heard.answer.get("invaliduser")
    assert heard.stage.call("message/update_template_card", heard.sent)["errcode"] != 0, "a code serves once"


# Media.


def _md5(heard: Heard) -> str:
    return hashlib.md5(Path(heard.stage.told["picture"]).read_bytes()).hexdigest()


def _uploaded(heard: Heard) -> None:
    if "msgid" in heard.answer:
        # pten sends what it has uploaded at once, and gives the answer to that.
        message = next(json.loads(r.body) for r in heard.requests if r.path == "/cgi-bin/message/send")
        medium = heard.state.media[message["image"]["media_id"]]
        assert heard.answer["msgid"] in heard.state.app_messages
    else:
        medium = heard.state.media[heard.answer["media_id"]]
    assert _md5(heard) == hashlib.md5(medium.content).hexdigest()


def _image(heard: Heard) -> None:
    assert heard.answer["url"] in heard.state.image_urls


def _downloaded(heard: Heard) -> None:
    assert _md5(heard) == heard.answer["md5"]


def _voice(heard: Heard) -> None:
    voice = heard.state.media[heard.sent["media_id"]]
    assert heard.answer["md5"] in {hashlib.md5(part).hexdigest() for part in (voice.content, voice.speex)}


def _by_url(heard: Heard) -> None:
    assert heard.answer["jobid"] in heard.state.upload_jobs


# Customers and tags.


def _serving(heard: Heard) -> None:
    assert {s.userid for s in heard.state.staff.values() if s.serving} == set(_list(heard, "follow_user"))


def _customers(heard: Heard) -> None:
    assert list(heard.state.follows_of(heard.sent["userid"])) == _list(heard, "external_userid")


def _customer(heard: Heard) -> None:
    customer = heard.state.customers[heard.sent["external_userid"]]
    assert customer.name == heard.answer["external_contact"]["name"]
    assert set(customer.follows) == set(_all(heard.answer["follow_user"], "userid"))


def _batch(heard: Heard) -> None:
    rows = heard.answer["external_contact_list"]
    assert min(heard.sent["limit"], 5) == len(rows)
    for row in rows:
        follow = heard.state.customers[row["external_contact"]["external_userid"]].follows[row["follow_info"]["userid"]]
        assert follow.created == row["follow_info"]["createtime"]
    assert heard.answer["next_cursor"]


def _remark(heard: Heard) -> None:
    assert heard.sent["remark"] == _follow(heard).remark
    assert heard.sent.get("remark_mobiles", []) == _follow(heard).remark_mobiles


def _tags(heard: Heard) -> None:
    shown = [tag for group in heard.answer["tag_group"] for tag in group["tag"]]
    assert heard.sent["tag_id"] == _all(shown, "id")
    assert [heard.state.tags[tag["id"]].name for tag in shown] == _all(shown, "name")


def _tag_added(heard: Heard) -> None:
    group = heard.answer["tag_group"]
    assert heard.state.tag_groups[group["group_id"]].name == heard.sent["group_name"]
    # The greater order comes first.
    names = {heard.state.tags[tag["id"]].name for tag in group["tag"]}
    assert set(_all(heard.sent["tag"], "name")) == names == set(_all(group["tag"], "name"))


def _tag_edited(heard: Heard) -> None:
    assert heard.sent["name"] == heard.state.tags[heard.sent["id"]].name


def _tag_deleted(heard: Heard) -> None:
    assert all(heard.state.tags[tag].deleted for tag in heard.sent["tag_id"])


def _marked(heard: Heard) -> None:
    assert set(heard.sent["add_tag"]) <= set(_follow(heard).tags)
    change = heard.stage.box.record.tag_changes[-1]
    assert (heard.sent["userid"], tuple(heard.sent["add_tag"])) == (change.staff, change.added)


# Codes and groups.


def _way(heard: Heard) -> Any:
    return heard.state.ways[heard.sent.get("config_id") or heard.answer["config_id"]]


def _way_added(heard: Heard) -> None:
    assert (heard.sent["user"], heard.sent["state"]) == (_way(heard).users, _way(heard).state)
    assert heard.answer["qr_code"].startswith("https://")


def _way_got(heard: Heard) -> None:
    shown = heard.answer["contact_way"]
    assert (_way(heard).users, _way(heard).state) == (shown["user"], shown["state"])


def _ways(heard: Heard) -> None:
    lasting = {way.config_id for way in heard.state.ways.values() if not way.is_temp}
    assert lasting == set(_all(heard.answer["contact_way"], "config_id"))


def _way_updated(heard: Heard) -> None:
    assert heard.sent["remark"] == _way(heard).remark
    assert heard.sent.get("user", _way(heard).users) == _way(heard).users


def _way_deleted(heard: Heard) -> None:
    assert heard.sent["config_id"] not in heard.state.ways


def _chat_closed(heard: Heard) -> None:
    again = heard.stage.call("externalcontact/close_temp_chat", heard.sent)
    assert again["errcode"] != 0


def _join_way_added(heard: Heard) -> None:
    assert heard.sent["chat_id_list"] == heard.state.join_ways[heard.answer["config_id"]].chat_ids


def _join_way_got(heard: Heard) -> None:
    shown = heard.answer["join_way"]
    assert heard.state.join_ways[heard.sent["config_id"]].chat_ids == shown["chat_id_list"]


def _join_way_updated(heard: Heard) -> None:
    assert heard.sent["chat_id_list"] == heard.state.join_ways[heard.sent["config_id"]].chat_ids


def _join_way_deleted(heard: Heard) -> None:
    assert heard.sent["config_id"] not in heard.state.join_ways


def _groups(heard: Heard) -> None:
    owners = heard.sent.get("owner_filter", {}).get("userid_list") or [*heard.state.staff]
    owned = {g.chat_id for g in heard.state.groups.values() if g.owner in owners}
    assert owned == set(_all(heard.answer["group_chat_list"], "chat_id"))


def _group(heard: Heard) -> None:
    shown = heard.answer["group_chat"]
    group = heard.state.groups[heard.sent["chat_id"]]
    assert (group.name, group.owner) == (shown["name"], shown["owner"])
    assert set(group.members) == set(_all(shown["member_list"], "userid"))
    assert bool(heard.sent.get("need_name")) == all("name" in member for member in shown["member_list"])


def _chat_id(heard: Heard) -> None:
    assert heard.stage.told["groups"][0] == heard.answer["chat_id"]


# Mass messages, welcomes and moments.


def _message_added(heard: Heard) -> None:
    message = heard.state.messages[heard.answer["msgid"]]
    assert heard.sent["text"]["content"] == message.text
    assert heard.sent["external_userid"] == [r.id for r in message.tasks[heard.sent["sender"]].recipients]
    assert [] == heard.answer["fail_list"]


def _messages(heard: Heard) -> None:
    rows = heard.answer["group_msg_list"]
    window = range(heard.sent["start_time"], heard.sent["end_time"] + 1)
    made = [m.msgid for m in heard.state.messages.values() if m.created in window]
    assert set(made) == set(_all(rows, "msgid"))
    assert all(heard.state.messages[row["msgid"]].text == row["text"]["content"] for row in rows)


def _tasks(heard: Heard) -> None:
    tasks = heard.state.messages[heard.sent["msgid"]].tasks
    assert {t.userid: t.status for t in tasks.values()} == {t["userid"]: t["status"] for t in heard.answer["task_list"]}


def _results(heard: Heard) -> None:
    task = heard.state.messages[heard.sent["msgid"]].tasks[heard.sent["userid"]]
    assert [(r.id, r.status) for r in task.recipients] == [
        (row["external_userid"], row["status"]) for row in heard.answer["send_list"]
    ]
    assert all(delivery.status == 1 for delivery in heard.stage.box.record.deliveries)


def _reminded(heard: Heard) -> None:
    assert heard.sent["msgid"] == heard.stage.box.record.reminders[-1].msgid


def _cancelled(heard: Heard) -> None:
    assert heard.state.messages[heard.sent["msgid"]].cancelled


def _welcomed(heard: Heard) -> None:
    welcome = heard.stage.box.record.welcomes[-1]
    assert (heard.sent["welcome_code"], heard.sent["text"]["content"]) == (welcome.welcome_code, welcome.text)


def _moment_added(heard: Heard) -> None:
    assert heard.answer["jobid"] in heard.state.moments


def _moment_made(heard: Heard) -> None:
    assert heard.state.moments[heard.sent["jobid"]].moment_id == heard.answer["result"]["moment_id"]


def _moments(heard: Heard) -> None:
    assert [m.moment_id for m in heard.state.moments.values()] == _all(heard.answer["moment_list"], "moment_id")


def _moment_tasks(heard: Heard) -> None:
    tasks = heard.state.made_moments[heard.sent["moment_id"]].publications.values()
    shown = [(row["userid"], row["publish_status"]) for row in heard.answer["task_list"]]
    assert [(task.userid, int(bool(task.published))) for task in tasks] == shown


def _moment_customers(heard: Heard) -> None:
    task = heard.state.made_moments[heard.sent["moment_id"]].publications[heard.sent["userid"]]
    assert set(task.customers) == set(_all(heard.answer["customer_list"], "external_userid"))


def _moment_cancelled(heard: Heard) -> None:
    assert heard.state.made_moments[heard.sent["moment_id"]].cancelled


# Welcomes of groups.


def _group_welcome(heard: Heard) -> None:
    template = heard.sent.get("template_id") or heard.answer["template_id"]
    said = heard.sent.get("text") or heard.answer["text"]
    assert heard.state.group_welcomes[template].text == said["content"]


def _group_welcome_deleted(heard: Heard) -> None:
    assert heard.sent["template_id"] not in heard.state.group_welcomes


# Figures.


def _staff_figures(heard: Heard) -> None:
    [row] = heard.answer["behavior_data"]
    day = range(row["stat_time"], row["stat_time"] + 86_400)
    came = [f for f in heard.state.follows_of("anna").values() if f.created in day]
    assert heard.sent["start_time"] == row["stat_time"]
    assert len(came) == row["new_contact_cnt"]


def _group_figures(heard: Heard) -> None:
    [row] = heard.answer["items"]
    assert "anna" == row["owner"]
    assert 2 == row["data"]["chat_total"]


def _group_days(heard: Heard) -> None:
    [row] = heard.answer["items"]
    assert heard.sent["day_begin_time"] == row["stat_time"]
    assert 2 == row["data"]["chat_total"]


# Transfers.


def _transferred(heard: Heard) -> None:
    assert [0] * len(heard.sent["external_userid"]) == _all(heard.answer["customer"], "errcode")
    last = heard.state.transfers[-1]
    pair = (heard.sent["handover_userid"], heard.sent["takeover_userid"])
    assert (*pair, heard.sent["external_userid"][-1]) == (last.handover, last.takeover, last.external_userid)


def _transfer_result(heard: Heard) -> None:
    pair = (heard.sent["handover_userid"], heard.sent["takeover_userid"])
    booked = [(t.external_userid, t.status) for t in heard.state.transfers if (t.handover, t.takeover) == pair]
    assert booked
    assert booked == [(row["external_userid"], row["status"]) for row in heard.answer["customer"]]


def _group_transferred(heard: Heard) -> None:
    assert [] == heard.answer["failed_chat_list"]
    owners = {heard.state.groups[chat_id].owner for chat_id in heard.sent["chat_id_list"]}
    heirs = {heard.state.groups[chat_id].heir for chat_id in heard.sent["chat_id_list"]}
    assert heard.sent["new_owner"] in owners | heirs


def _unassigned(heard: Heard) -> None:
    rows = {(row["handover_userid"], row["external_userid"]) for row in heard.answer["info"]}
    assert set(heard.state.unassigned) == rows
    assert rows


# Links, products and rules.


def _links(heard: Heard) -> None:
    assert list(heard.state.links) == heard.answer["link_id_list"]


def _link(heard: Heard) -> None:
    link = heard.state.links[heard.sent["link_id"]]
    assert (link.name, link.users) == (heard.answer["link"]["link_name"], heard.answer["range"]["user_list"])


def _link_customers(heard: Heard) -> None:
    came = [(c.external_userid, c.userid, c.state) for c in heard.state.link_customers.values()]
    assert came
    assert came == [(row["external_userid"], row["userid"], row["state"]) for row in heard.answer["customer_list"]]


def _link_figures(heard: Heard) -> None:
    assert len(heard.state.link_customers) == heard.answer["new_customer_cnt"]


def _link_deleted(heard: Heard) -> None:
    assert heard.sent["link_id"] not in heard.state.links


def _product_added(heard: Heard) -> None:
    product = heard.state.products[heard.answer["product_id"]]
    assert (heard.sent["description"], heard.sent["price"]) == (product.description, product.price)


def _product(heard: Heard) -> None:
    product = heard.state.products[heard.sent["product_id"]]
    shown = heard.answer["product"]
    assert (product.description, product.price) == (shown["description"], shown["price"])


def _products(heard: Heard) -> None:
    assert list(heard.state.products) == _all(heard.answer["product_list"], "product_id")


def _product_updated(heard: Heard) -> None:
    assert heard.sent["price"] == heard.state.products[heard.sent["product_id"]].price


def _product_deleted(heard: Heard) -> None:
    assert heard.state.products[heard.sent["product_id"]].deleted


def _rule_added(heard: Heard) -> None:
    assert heard.sent["word_list"] == list(heard.state.intercept_rules[heard.answer["rule_id"]].words)


def _rule(heard: Heard) -> None:
    shown = heard.answer["rule"]
    rule = heard.state.intercept_rules[heard.sent["rule_id"]]
    assert (rule.name, list(rule.words)) == (shown["rule_name"], shown["word_list"])


def _rules(heard: Heard) -> None:
    assert list(heard.state.intercept_rules) == _all(heard.answer["rule_list"], "rule_id")


def _rule_updated(heard: Heard) -> None:
    assert heard.sent["rule_name"] == heard.state.intercept_rules[heard.sent["rule_id"]].name


def _rule_deleted(heard: Heard) -> None:
    assert heard.state.intercept_rules[heard.sent["rule_id"]].deleted


# Callbacks.


def _verified(heard: Heard) -> None:
    assert {"accepted": True, "told": []} == heard.answer


def _event(heard: Heard) -> None:
    last = heard.stage.box.record.callbacks[-1]
    assert ("delivered", 1) == (last.outcome, last.attempts)
    told = heard.answer["xml"][-1]
    if isinstance(told, str):
        assert last.xml == told
    else:
        # A client that parses the XML itself.
        assert dict(heard.stage.box.record.events[-1].fields).items() <= told.items()


CHECKS: Final[Mapping[str, Check]] = {
    "gettoken": _token,
    "user/get": _user,
    "user/list": _users,
    "user/simplelist": _users,
    "user/list_id": _userids,
    "department/list": _departments,
    "department/simplelist": _departments,
    "department/get": _department,
    "auth/getuserinfo": _signed_in,
    "auth/getuserdetail": _detail,
    "getcallbackip": _ips,
    "get_jsapi_ticket": _ticket,
    "ticket/get": _ticket,
    "message/send": _app_message,
    "message/update_template_card": _card,
    "media/upload": _uploaded,
    "media/upload_attachment": _uploaded,
    "media/uploadimg": _image,
    "media/get": _downloaded,
    "media/get/jssdk": _voice,
    "media/upload_by_url": _by_url,
    "get_follow_user_list": _serving,
    "list": _customers,
    "get": _customer,
    "batch/get_by_user": _batch,
    "remark": _remark,
    "get_corp_tag_list": _tags,
    "add_corp_tag": _tag_added,
    "edit_corp_tag": _tag_edited,
    "del_corp_tag": _tag_deleted,
    "mark_tag": _marked,
    "add_contact_way": _way_added,
    "get_contact_way": _way_got,
    "list_contact_way": _ways,
    "update_contact_way": _way_updated,
    "del_contact_way": _way_deleted,
    "close_temp_chat": _chat_closed,
    "groupchat/add_join_way": _join_way_added,
    "groupchat/get_join_way": _join_way_got,
    "groupchat/update_join_way": _join_way_updated,
    "groupchat/del_join_way": _join_way_deleted,
    "groupchat/list": _groups,
    "groupchat/get": _group,
    "opengid_to_chatid": _chat_id,
    "add_msg_template": _message_added,
    "get_groupmsg_list_v2": _messages,
    "get_groupmsg_task": _tasks,
    "get_groupmsg_send_result": _results,
    "remind_groupmsg_send": _reminded,
    "cancel_groupmsg_send": _cancelled,
    "send_welcome_msg": _welcomed,
    "add_moment_task": _moment_added,
    "get_moment_task_result": _moment_made,
    "get_moment_list": _moments,
    "get_moment_task": _moment_tasks,
    "get_moment_customer_list": _moment_customers,
    "cancel_moment_task": _moment_cancelled,
    "group_welcome_template/add": _group_welcome,
    "group_welcome_template/edit": _group_welcome,
    "group_welcome_template/get": _group_welcome,
    "group_welcome_template/del": _group_welcome_deleted,
    "get_user_behavior_data": _staff_figures,
    "groupchat/statistic": _group_figures,
    "groupchat/statistic_group_by_day": _group_days,
    "transfer_customer": _transferred,
    "transfer_result": _transfer_result,
    "resigned/transfer_customer": _transferred,
    "resigned/transfer_result": _transfer_result,
    "groupchat/onjob_transfer": _group_transferred,
    "groupchat/transfer": _group_transferred,
    "get_unassigned_list": _unassigned,
    "customer_acquisition/list_link": _links,
    "customer_acquisition/get": _link,
    "customer_acquisition/customer": _link_customers,
    "customer_acquisition/statistic": _link_figures,
    "customer_acquisition/delete_link": _link_deleted,
    "add_product_album": _product_added,
    "get_product_album": _product,
    "get_product_album_list": _products,
    "update_product_album": _product_updated,
    "delete_product_album": _product_deleted,
    "add_intercept_rule": _rule_added,
    "get_intercept_rule": _rule,
    "get_intercept_rule_list": _rules,
    "update_intercept_rule": _rule_updated,
    "del_intercept_rule": _rule_deleted,
    "callback/verify": _verified,
    "callback/event": _event,
}
"""By path, without /cgi-bin/ and externalcontact/."""
