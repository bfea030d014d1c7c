"""Who publishes moments, who sees them and who answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from privdom.errors import BadRequest, CursorLoop, StillDispatching, UsageError
from privdom.wecom.client import AsyncWeCom
from privdom.wecom.moments import (
    CancelMomentRequest,
    MomentComments,
    MomentCommentsRequest,
    MomentCustomer,
    MomentCustomerPage,
    MomentCustomersRequest,
    MomentReaction,
    MomentSentToPage,
    MomentSentToRequest,
    MomentTask,
    MomentTaskPage,
    MomentTasksRequest,
    MomentViewer,
    NewMoment,
    PublishStatus,
)
from tests.chapters.conftest import Corp, Scripted


def make(corp: Corp, text: str = "新茶到") -> str:
    """Have WeCom make a moment for all staff, who leave it lying; return its id."""
    for userid in ("anna", "ben", "chen"):
        corp.box.set_staff(userid, confirm_delay="never")

    async def add(wecom: AsyncWeCom) -> str:
        return (await wecom.moments.add(NewMoment(text))).jobid

    jobid = corp(add)
    corp.box.advance(timedelta(minutes=1))

    async def result(wecom: AsyncWeCom) -> str:
        made = (await wecom.moments.result(jobid)).result
        assert made is not None
        return made.moment_id

    return corp(result)


def test_a_moment_is_followed(corp: Corp) -> None:
    """From the tasks of staff to the customers who see it, like it and comment on it."""
    friend, gone = corp.box.add_customer(staff=["anna"]), corp.box.add_customer(staff=["anna"])
    corp.box.customer_deletes_staff(gone, "anna")
    moment_id = make(corp)
    corp.box.staff_publishes(moment_id, "anna")
    corp.box.customer_likes(friend, moment_id, "anna")
    corp.box.advance(timedelta(minutes=1))
    corp.box.staff_comments("anna", moment_id)

    async def follow(
        wecom: AsyncWeCom,
    ) -> tuple[list[MomentTask], list[MomentCustomer], list[MomentViewer], MomentComments]:
        return (
            [task async for task in wecom.moments.each_task(moment_id)],
            [customer async for customer in wecom.moments.each_customer(moment_id, "anna")],
            [viewer async for viewer in wecom.moments.each_sent_to(moment_id, "anna")],
            await wecom.moments.comments(moment_id, "anna"),
        )

    tasks, customers, viewers, said = corp(follow)
    now = corp.box.clock.now()

    statuses = {
        "anna": PublishStatus.PUBLISHED,
        "ben": PublishStatus.NOT_PUBLISHED,
        "chen": PublishStatus.NOT_PUBLISHED,
    }
    assert statuses == {task.userid: task.publish_status for task in tasks}
    assert [MomentCustomer(friend, "anna"), MomentCustomer(gone, "anna")] == customers
    assert [MomentViewer(friend)] == viewers
    assert (MomentReaction(friend, create_time=now - timedelta(minutes=1)),) == said.like_list
    assert (MomentReaction(userid="anna", create_time=now),) == said.comment_list


def test_pages_of_a_moment_are_followed_to_their_end(corp: Corp) -> None:
    """Pages of any size hold everybody once."""
    customers = [corp.box.add_customer(staff=["anna"]) for _ in range(5)]
    moment_id = make(corp)
    corp.box.staff_publishes(moment_id, "anna")

    async def scenario(
        wecom: AsyncWeCom,
    ) -> tuple[list[MomentTaskPage], list[MomentCustomerPage], list[MomentSentToPage], MomentTaskPage]:
        first = await wecom.moments.tasks(moment_id, limit=1)
        return (
            [page async for page in wecom.moments.task_pages(moment_id, limit=2)],
            [page async for page in wecom.moments.customer_pages(moment_id, "anna", limit=2)],
            [page async for page in wecom.moments.sent_to_pages(moment_id, "anna", limit=4)],
            await wecom.moments.tasks(moment_id, cursor=first.next_cursor),
        )

    tasks, chosen, viewers, rest = corp(scenario)

    assert [["anna", "ben"], ["chen"]] == [[task.userid for task in page.task_list] for page in tasks]
    assert [2, 2, 1] == [len(page.customer_list) for page in chosen]
    assert customers == [customer.external_userid for page in viewers for customer in page.customer_list]
    assert ["ben", "chen"] == [task.userid for task in rest.task_list]


def test_a_moment_is_stopped_for_those_who_wait(corp: Corp) -> None:
    """What was published stays, the others cannot publish it any more; to stop it again changes nothing."""
    customer = corp.box.add_customer(staff=["anna", "ben"])
    moment_id = make(corp)
    corp.box.staff_publishes(moment_id, "anna")

    async def stop(wecom: AsyncWeCom) -> list[int]:
        await wecom.moments.cancel(moment_id)
        await wecom.moments.cancel(moment_id)
        corp.box.staff_publishes(moment_id, "ben")
        return [len((await wecom.moments.sent_to(moment_id, "anna")).customer_list)]

    seen = corp(stop)

    assert [1] == seen
    assert [("anna", (customer,))] == [(entry.staff, entry.seen_by) for entry in corp.box.record.publications]


def test_what_is_not_published_has_no_audience(corp: Corp) -> None:
    """Each reason has its errcode, and is a bad request."""
    moment_id = make(corp)
    own = corp.box.staff_posts("anna", "下班啦")

    async def scenario(wecom: AsyncWeCom) -> list[int]:
        codes: list[int] = []
        for ask in (
            wecom.moments.customers(moment_id, "anna"),
            wecom.moments.sent_to(own, "ben"),
            wecom.moments.comments("momNo", "ben"),
            wecom.moments.tasks(own),
            wecom.moments.cancel(own),
        ):
            with pytest.raises(BadRequest) as caught:
                await ask
            codes.append(caught.value.errcode)
        return codes

    assert [41062, 41061, 41060, 41067, 41067] == corp(scenario)


def test_a_moment_that_is_not_ready_is_asked_for_later(corp: Corp) -> None:
    """41079 is neither an absence nor a mistake."""
    corp.box.change_rules(moment_dispatch_time=timedelta(minutes=5))
    moment_id = make(corp)

    async def scenario(wecom: AsyncWeCom) -> object:
        return await wecom.moments.tasks(moment_id)

    with pytest.raises(StillDispatching, match="41079"):
        corp(scenario)


def test_a_cursor_that_comes_twice_ends_the_listing(scripted: Callable[..., Any]) -> None:
    """What came before it was yielded."""
    script = Scripted(get_moment_task=[{"task_list": [{"userid": "anna", "publish_status": "1"}], "next_cursor": "c"}])
    seen: list[MomentTask] = []

    async def scenario(wecom: AsyncWeCom) -> None:
        async for page in wecom.moments.task_pages("mom1"):
            seen.extend(page.task_list)

    with pytest.raises(CursorLoop):
        scripted(scenario, script)

    assert [MomentTask("anna", PublishStatus.PUBLISHED)] * 2 == seen
    assert b'{"moment_id":"mom1","cursor":"c","limit":1000}' == script.bodies[1]


def test_reactions_that_nobody_had_are_empty(scripted: Callable[..., Any]) -> None:
    """Null and an absent list are no comments."""
    script = Scripted(get_moment_comments=[{"comment_list": None}])

    async def scenario(wecom: AsyncWeCom) -> MomentComments:
        return await wecom.moments.comments("mom1", "anna")

    assert MomentComments() == scripted(scenario, script)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "stop nothing": (lambda: CancelMomentRequest(""), "moment_id is empty"),
    "tasks of nothing": (lambda: MomentTasksRequest(""), "moment_id is empty"),
    "tasks limit": (lambda: MomentTasksRequest("m", limit=1001), "limit is 1001"),
    "customers of nothing": (lambda: MomentCustomersRequest("", "anna"), "moment_id is empty"),
    "customers of nobody": (lambda: MomentCustomersRequest("m", ""), "userid is empty"),
    "customers limit": (lambda: MomentCustomersRequest("m", "anna", limit=0), "limit is 0"),
    "viewers of nothing": (lambda: MomentSentToRequest("", "anna"), "moment_id is empty"),
    "viewers of a customer's": (lambda: MomentSentToRequest("m", "wm" + "A" * 30), "looks like the id of a customer"),
    "viewers limit": (lambda: MomentSentToRequest("m", "anna", limit=5001), "limit is 5001"),
    "comments on nothing": (lambda: MomentCommentsRequest("", "anna"), "moment_id is empty"),
    "comments of nobody": (lambda: MomentCommentsRequest("m", ""), "userid is empty"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_succeed_is_refused(case: str) -> None:
    """The message says what is wrong and what to do."""
    ask, message = REFUSED[case]

    with pytest.raises(UsageError, match=message):
        ask()
