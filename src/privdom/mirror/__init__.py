"""
WeCom's state in local tables, kept by full syncs and events, and facts about customers.

::

    Mirror(wecom, store).sync()
    with store.read() as conn:
        for follow in follows(conn, corp_id, staff=["zhangsan"]): ...
"""

from __future__ import annotations

from privdom.mirror.handler import MirrorHandler
from privdom.mirror.moves import move_follows
from privdom.mirror.queries import customers, drop_facts, facts, followers, follows, set_facts, tag_ids
from privdom.mirror.report import Changes, SyncReport
from privdom.mirror.subjects import Subject, Subjects
from privdom.mirror.sync import AsyncMirror, Mirror, Progress
from privdom.mirror.values import CorpTag, Customer, Follow, Group, Member, Staff


__all__ = [
    "AsyncMirror",
    "Changes",
    "CorpTag",
    "Customer",
    "Follow",
    "Group",
    "Member",
    "Mirror",
    "MirrorHandler",
    "Progress",
    "Staff",
    "Subject",
    "Subjects",
    "SyncReport",
    "customers",
    "drop_facts",
    "facts",
    "followers",
    "follows",
    "move_follows",
    "set_facts",
    "tag_ids",
]
