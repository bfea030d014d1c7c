"""Fill a corp with people who could exist; the same people for the same seed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from privdom._facts.endpoints import CODE_ADD
from privdom.sandbox.chance import fraction, identifier, pick
from privdom.sandbox.fields import Fields
from privdom.sandbox.handlers import codes, tags
from privdom.sandbox.world import Call, World


if TYPE_CHECKING:
    from privdom.sandbox.box import Sandbox


__all__ = ["fill"]

_SURNAMES: Final = (
    ("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu"), ("陈", "chen"), ("杨", "yang"), ("赵", "zhao"),
    ("黄", "huang"), ("周", "zhou"), ("吴", "wu"), ("徐", "xu"), ("孙", "sun"), ("胡", "hu"), ("朱", "zhu"),
    ("高", "gao"), ("林", "lin"), ("何", "he"), ("郭", "guo"), ("马", "ma"), ("罗", "luo"),
)  # fmt: skip
_GIVEN: Final = (
    ("伟", "wei"), ("芳", "fang"), ("娜", "na"), ("敏", "min"), ("静", "jing"), ("丽", "li"), ("强", "qiang"),
    ("磊", "lei"), ("洋", "yang"), ("艳", "yan"), ("勇", "yong"), ("杰", "jie"), ("娟", "juan"), ("涛", "tao"),
    ("明", "ming"), ("超", "chao"), ("霞", "xia"), ("平", "ping"), ("刚", "gang"), ("雪梅", "xuemei"),
    ("志强", "zhiqiang"), ("晓燕", "xiaoyan"), ("建国", "jianguo"), ("思远", "siyuan"), ("雨桐", "yutong"),
)  # fmt: skip
_NICKNAMES: Final = (
    "向日葵",
    "小太阳",
    "慢慢来",
    "清风",
    "A阿",
    "快乐",
    "橙子",
    "奶茶",
    "Kevin",
    "Luna",
    "云朵",
    "海边的",
)
_DEPARTMENTS: Final = ("华东大区", "华南大区", "华北大区", "客户成功部")
_TAGS: Final = {
    "客户等级": ("普通", "重要", "VIP"),
    "来源": ("门店", "小程序", "公众号", "朋友推荐"),
    "意向": ("高意向", "中意向", "低意向"),
    "生命周期": ("新客", "老客", "沉睡"),
}
_CHANNELS: Final = ("store_shanghai", "store_guangzhou", "miniapp_home", "parcel_card", "article_foot")
# Scans lead, then searches, cards, groups, shares inside the corp.
_ADD_WAYS: Final = (1, 1, 1, 1, 1, 1, 2, 2, 3, 4, 6, 13, 16, 201)
_GROUPS: Final = ("福利群", "VIP群", "活动群", "新品体验群")
_DAYS_BACK: Final = 720
_GROUP_SIZE: Final = (8, 120)


def _name(seed: int, *about: object) -> tuple[str, str]:
    surname = _SURNAMES[pick(len(_SURNAMES), seed, "surname", *about)]
    given = _GIVEN[pick(len(_GIVEN), seed, "given", *about)]
    return surname[0] + given[0], given[1] + "." + surname[1]


def _nickname(seed: int, number: int) -> str:
    if fraction(seed, "nickname", number) < 0.6:
        return _name(seed, "customer", number)[0]
    return f"{_NICKNAMES[pick(len(_NICKNAMES), seed, 'nick', number)]}{_GIVEN[pick(len(_GIVEN), seed, 'nick2', number)][0]}"


def _staff(box: Sandbox, seed: int, count: int) -> list[str]:
    departments = [box.add_department(name) for name in _DEPARTMENTS]
    made: list[str] = []
    for number in range(count):
        name, base = _name(seed, "staff", number)
        userid = base if base not in made else f"{base}{number}"
        box.add_staff(userid, name, department=departments[number % len(departments)], position="私域顾问")
        made.append(userid)
    return made


def _tags(world: World) -> list[list[str]]:
    made: list[list[str]] = []
    for group, names in _TAGS.items():
        _, new = tags.add_tags(world, None, group, 0, dict.fromkeys(names, 0), by_app=False)
        made.append([tag.id for tag in new])
    return made


def _codes(world: World, userids: list[str]) -> None:
    for number, channel in enumerate(_CHANNELS):
        users: list[object] = [userids[(number + i) % len(userids)] for i in range(min(3, len(userids)))]
        way: dict[str, object] = {"type": 2, "scene": 2, "state": channel, "remark": channel, "user": users}
        codes.add(world, Call(CODE_ADD.path, {}, Fields(way)))


def fill(box: Sandbox, world: World, staff: int, customers: int, groups: int, overlap: float) -> None:
    """Add people, tags, codes and groups to an empty corp."""
    seed = world.seed
    if world.state.staff:
        msg = "populate an empty sandbox"
        raise ValueError(msg)
    userids = _staff(box, seed, staff)
    tag_ids = _tags(world)
    if userids:
        _codes(world, userids)
    for number in range(customers if userids else 0):
        _customer(box, world, number, userids, tag_ids, overlap)
    for number in range(groups if userids else 0):
        _group(box, world, number, userids)


def _customer(
    box: Sandbox, world: World, number: int, userids: list[str], tag_ids: list[list[str]], overlap: float
) -> None:
    seed = world.seed
    first = pick(len(userids), seed, "follower", number)
    mine = [userids[first]]
    if len(userids) > 1 and fraction(seed, "overlap", number) < overlap:
        mine.append(userids[(first + 1 + pick(len(userids) - 1, seed, "second", number)) % len(userids)])
    add_way = _ADD_WAYS[pick(len(_ADD_WAYS), seed, "add way", number)]
    worn = [group[pick(len(group), seed, "tag", number, i)] for i, group in enumerate(tag_ids)]
    box.add_customer(
        identifier("wm", seed, "populated", number),
        _nickname(seed, number),
        staff=mine,
        state=_CHANNELS[pick(len(_CHANNELS), seed, "channel", number)] if add_way == 1 else "",
        add_way=add_way,
        gender=pick(3, seed, "gender", number),
        unionid=identifier("o", seed, "unionid", number)[:28],
        created=world.now - timedelta(seconds=pick(_DAYS_BACK * 86_400, seed, "created", number)),
        tags=[tag for i, tag in enumerate(worn) if fraction(seed, "wears", number, i) < 0.4],
    )


def _group(box: Sandbox, world: World, number: int, userids: list[str]) -> None:
    seed = world.seed
    owner = userids[number % len(userids)]
    mine = list(world.state.follows_of(owner))
    low, high = _GROUP_SIZE
    size = min(len(mine), low + pick(high - low, seed, "group size", number))
    start = pick(len(mine), seed, "group start", number) if mine else 0
    chosen = [mine[(start + i) % len(mine)] for i in range(size)]
    box.add_group(
        identifier("wr", seed, "populated", number),
        f"{_GROUPS[number % len(_GROUPS)]}{number // len(_GROUPS) + 1}",
        owner=owner,
        members=chosen,
        created=world.now - timedelta(days=pick(_DAYS_BACK, seed, "group created", number)),
    )
