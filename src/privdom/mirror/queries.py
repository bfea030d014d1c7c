"""What domain modules ask of the mirror, and the facts that they keep in it: plain functions in the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select, tuple_

from privdom.errors import UsageError
from privdom.mirror import tables
from privdom.mirror.values import Customer, Follow
from privdom.store import sql


__all__ = ["customers", "drop_facts", "facts", "followers", "follows", "set_facts", "tag_ids"]

_PAGE = 1000


def customers(conn: Connection, corp_id: str, *, after: str = "", limit: int = _PAGE) -> list[Customer]:
    """
    Return a page of the customers of a corp, in the order of their ids.

    Args:
        after: The last id of the page before; empty for the first page.
        limit: A shorter page is the last one.
    """
    c = tables.customer.c
    query = select(c.external_userid, c.name, c.type, c.gender, c.unionid, c.corp_name)
    query = query.where(c.corp_id == corp_id, c.external_userid > after).order_by(c.external_userid).limit(limit)
    return [Customer(*row) for row in conn.execute(query)]


def follows(
    conn: Connection, corp_id: str, staff: Iterable[str] | None = None, customers: Iterable[str] | None = None
) -> Iterator[Follow]:
    """
    Yield who follows whom, read in pages, so that any number fits in memory.

    Args:
        staff: Only of these; None for all.
        customers: Only these external_userids; None for all.
    """
    f, t = tables.follow.c, tables.follow_tag.c
    query = select(tables.follow).where(f.corp_id == corp_id, f.removed_at.is_(None))
    tags = select(t.staff_userid, t.external_userid, t.tag_id).where(t.corp_id == corp_id)
    # Both lists cut into what one statement takes.
    for some_staff in [None] if staff is None else sql.chunks(_ids(staff, "staff"), _PAGE):
        for some in [None] if customers is None else sql.chunks(_ids(customers, "customers"), _PAGE):
            part, tags_part = query, tags
            if some_staff is not None:
                part = part.where(f.staff_userid.in_(some_staff))
                tags_part = tags_part.where(t.staff_userid.in_(some_staff))
            if some is not None:
                part = part.where(f.external_userid.in_(some))
                tags_part = tags_part.where(t.external_userid.in_(some))
            yield from _pages(conn, part, tags_part)


def followers(conn: Connection, corp_id: str, customers: Iterable[str]) -> dict[str, list[str]]:
    """Return the staff who follow each of *customers* now, by id; a customer without any is left out."""
    f = tables.follow.c
    query = select(f.external_userid, f.staff_userid).where(f.corp_id == corp_id, f.removed_at.is_(None))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for some in sql.chunks(_ids(customers, "customers")):
        for who, staff in conn.execute(query.where(f.external_userid.in_(some)).order_by(f.staff_userid)):
            found[who].append(staff)
    return dict(found)


def set_facts(conn: Connection, corp_id: str, name: str, values: Mapping[str, Any], at: datetime) -> None:
    """
    Record what is known under *name* about customers, replacing what was.

    Args:
        name: Such as ``tier.gmv``: the module, a dot, and what it keeps.
        values: Any JSON value by external_userid; None forgets the fact.
        at: Since when.
    """
    if not name:
        msg = "a fact needs a name, such as tier.gmv"
        raise UsageError(msg)
    # In one order everywhere, so that two transactions never wait for each other.
    rows = [
        {
            "corp_id": corp_id,
            "name": name,
            "external_userid": one,
            "value": values[one],
            "number": float(values[one]) if isinstance(values[one], int | float) else None,
            "at": at,
        }
        for one in sorted(values)
        if values[one] is not None
    ]
    sql.upsert(conn, tables.fact, rows, keys=["corp_id", "name", "external_userid"])
    drop_facts(conn, corp_id, name, [one for one in values if values[one] is None])


def drop_facts(conn: Connection, corp_id: str, name: str, customers: Iterable[str] | None = None) -> None:
    """Forget the fact *name* of some customers, or of all."""
    c = tables.fact.c
    statement = delete(tables.fact).where(c.corp_id == corp_id, c.name == name)
    if customers is None:
        conn.execute(statement)
        return
    for chunk in sql.chunks(_ids(customers, "customers")):
        conn.execute(statement.where(c.external_userid.in_(chunk)))


def facts(
    conn: Connection, corp_id: str, names: Sequence[str], customers: Iterable[str] | None = None
) -> dict[str, dict[str, Any]]:
    """
    Return what is known about customers: ``{external_userid: {name: value}}``.

    Customers of whom nothing is known under these names are left out.

    Args:
        names: Of the facts.
        customers: Only these external_userids; None for all that have such facts.
    """
    c = tables.fact.c
    query = select(c.external_userid, c.name, c.value)
    query = query.where(c.corp_id == corp_id, c.name.in_(_ids(names, "names")))
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for chunk in [None] if customers is None else sql.chunks(_ids(customers, "customers")):
        part = query if chunk is None else query.where(c.external_userid.in_(chunk))
        for external_userid, name, value in conn.execute(part):
            found[external_userid][name] = value
    return dict(found)


def tag_ids(conn: Connection, corp_id: str, names: Iterable[str]) -> dict[str, str]:
    """
    Return the ids of corp tags by name; ``group/name`` picks one of several tags of that name.

    Raises:
        UsageError: No tag has this name, or several have.
    """
    c = tables.corp_tag.c
    found: defaultdict[str, list[str]] = defaultdict(list)
    for tag_id, name, group_name in conn.execute(select(c.tag_id, c.name, c.group_name).where(c.corp_id == corp_id)):
        found[name].append(tag_id)
        found[f"{group_name}/{name}"].append(tag_id)
    ids: dict[str, str] = {}
    for name in _ids(names, "names"):
        fitting = found.get(name, [])
        if len(fitting) != 1:
            msg = f"{len(fitting)} tags are called {name!r}: " + (
                "write group/name to pick one" if fitting else "create it in WeCom, then sync the mirror"
            )
            raise UsageError(msg)
        ids[name] = fitting[0]
    return ids


def _ids(values: Iterable[str], name: str) -> Iterable[str]:
    if isinstance(values, str):
        msg = f"{name} is one text: give a list, such as [{name}]"
        raise UsageError(msg)
    return values


def _pages(conn: Connection, query: Select[*tuple[Any, ...]], tags: Select[str, str, str]) -> Iterator[Follow]:
    f, t = tables.follow.c, tables.follow_tag.c
    key, tag_key = tuple_(f.staff_userid, f.external_userid), tuple_(t.staff_userid, t.external_userid)
    ordered = query.order_by(f.staff_userid, f.external_userid).limit(_PAGE)
    page: Sequence[Row[*tuple[Any, ...]]] = conn.execute(ordered).all()
    while page:
        # A page is a run of the key, and so are the tags that belong to it.
        first, last = ((row.staff_userid, row.external_userid) for row in (page[0], page[-1]))
        tag_ids: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for staff_userid, external_userid, tag_id in conn.execute(tags.where(tag_key >= first, tag_key <= last)):
            tag_ids[staff_userid, external_userid].append(tag_id)
        for row in page:
            yield Follow(
                staff_userid=row.staff_userid,
                external_userid=row.external_userid,
                created_at=row.created_at,
                state=row.state,
                add_way=row.add_way,
                remark=row.remark,
                description=row.description,
                tag_ids=tuple(sorted(tag_ids[row.staff_userid, row.external_userid])),
                confirmed=row.confirmed,
                deleted_by_customer_at=row.deleted_by_customer_at,
            )
        page = conn.execute(ordered.where(key > last)).all() if len(page) == _PAGE else []
