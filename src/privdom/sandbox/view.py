"""The state of the corp as people would read it, in plain data."""

from __future__ import annotations

from collections import Counter

from privdom.sandbox.state import Customer, Follow, Group, Message, Moment, Strategy
from privdom.sandbox.world import World


__all__ = ["of"]

_STAFF = 1


def _follow(world: World, follow: Follow) -> dict[str, object]:
    state = world.state
    return {
        "tags": list(follow.tags),
        "tag_names": [state.tags[tag].name for tag in follow.tags],
        "state": follow.state,
        "remark": follow.remark,
        "description": follow.description,
        "add_way": follow.add_way,
        "created": follow.created,
        "left_by_customer": follow.left_by_customer,
    }


def _customer(world: World, customer: Customer) -> dict[str, object]:
    followers = {userid: _follow(world, follow) for userid, follow in sorted(customer.follows.items())}
    return {"name": customer.name, "type": customer.type, "followers": followers}


def _group(group: Group) -> dict[str, object]:
    return {
        "name": group.name,
        "owner": group.owner,
        "members": list(group.members),
        "dismissed": group.dismissed,
        "welcome": group.welcome,
        "member_version": group.version,
    }


def _message(message: Message) -> dict[str, object]:
    tasks = {
        task.userid: {"status": task.status, "sent": task.sent, "recipients": {r.id: r.status for r in task.recipients}}
        for task in message.tasks.values()
    }
    return {
        "chat_type": message.chat_type,
        "text": message.text,
        "created": message.created,
        "creator": message.creator,
        "cancelled": message.cancelled,
        "tasks": tasks,
        "statuses": dict(Counter(str(r.status) for task in message.tasks.values() for r in task.recipients)),
    }


def _strategy(strategy: Strategy) -> dict[str, object]:
    return {
        "name": strategy.name,
        "parent_id": strategy.parent_id,
        "admins": list(strategy.admins),
        "users": [node for kind, node in strategy.nodes if kind == _STAFF],
        "departments": [node for kind, node in strategy.nodes if kind != _STAFF],
    }


def _moment(moment: Moment) -> dict[str, object]:
    return {
        "jobid": moment.jobid,
        "moment_id": moment.moment_id,
        "text": moment.text,
        "senders": moment.senders,
        "errcode": moment.errcode,
        "creator": moment.creator,
        "cancelled": moment.cancelled,
        "published": {task.userid: task.published for task in moment.publications.values()},
    }


def of(world: World) -> dict[str, object]:
    """Return the state of *world* by id."""
    state = world.state
    return {
        "now": world.now.isoformat(),
        "staff": {
            s.userid: {
                "name": s.name,
                "departments": s.departments,
                "capacity": s.capacity,
                "serving": s.serving,
                "customers": len(state.follows_of(s.userid)),
            }
            for s in state.staff.values()
        },
        "former_staff": {s.userid: {"name": s.name, "resigned": s.resigned} for s in state.former.values()},
        "unassigned": [
            {"handover": userid, "external_userid": external_userid, "resigned": held.resigned}
            for (userid, external_userid), held in state.unassigned.items()
        ],
        "customers": {c.external_userid: _customer(world, c) for c in state.customers.values()},
        "groups": {g.chat_id: _group(g) for g in state.groups.values()},
        "tags": {
            tag.id: {"name": tag.name, "group": state.tag_groups[tag.group_id].name}
            for tag in state.tags.values()
            if not tag.deleted
        },
        "codes": {
            w.config_id: {"state": w.state, "remark": w.remark, "users": list(w.users), "parties": list(w.parties)}
            for w in state.ways.values()
        },
        "acquisition_links": {
            link.link_id: {
                "name": link.name,
                "users": list(link.users),
                "parties": list(link.parties),
                "customers": [
                    {"userid": c.userid, "external_userid": c.external_userid, "state": c.state, "written": c.written}
                    for c in state.link_customers.values()
                    if c.link_id == link.link_id
                ],
            }
            for link in state.links.values()
        },
        "link_uses": sum(uses.left for uses in state.uses),
        "join_ways": {
            w.config_id: {
                "state": w.state,
                "remark": w.remark,
                "chat_ids": list(w.chat_ids),
                "auto_create_room": w.auto_create_room,
                "room_base_name": w.room_base_name,
                "rooms": list(w.rooms),
            }
            for w in state.join_ways.values()
        },
        "moments": [
            _moment(m) for m in (*state.moments.values(), *(m for m in state.made_moments.values() if m.creator))
        ],
        "customer_strategies": {str(s.id): _strategy(s) for s in state.customer_strategies.values() if not s.deleted},
        "moment_strategies": {str(s.id): _strategy(s) for s in state.moment_strategies.values() if not s.deleted},
        "products": {
            p.id: {"description": p.description, "price": p.price, "product_sn": p.sn, "pictures": list(p.pictures)}
            for p in state.products.values()
            if not p.deleted
        },
        "intercept_rules": {
            r.id: {
                "name": r.name,
                "words": list(r.words),
                "semantics": list(r.semantics),
                "type": r.type,
                "users": list(r.users),
                "departments": list(r.departments),
            }
            for r in state.intercept_rules.values()
            if not r.deleted
        },
        "group_welcomes": {
            w.template_id: {"text": w.text, "attachment": w.attachment, "notified": w.notified}
            for w in state.group_welcomes.values()
        },
        "app_messages": {
            m.msgid: {"msgtype": m.msgtype, "created": m.created, "staff": list(m.staff), "recalled": m.recalled}
            for m in state.app_messages.values()
        },
        "media": {
            m.media_id: {
                "type": m.kind,
                "source": m.source,
                "filename": m.filename,
                "size": len(m.content),
                "created": m.created,
            }
            for m in state.media.values()
        },
        "images": list(state.image_urls),
        "messages": {m.msgid: _message(m) for m in state.messages.values()},
        "transfers": [
            {
                "handover": t.handover,
                "takeover": t.takeover,
                "external_userid": t.external_userid,
                "status": t.status,
                "started": t.started,
                "takeover_time": t.takeover_time,
                "errcode": t.errcode,
                "resigned": t.resigned,
            }
            for t in state.transfers
        ],
    }
