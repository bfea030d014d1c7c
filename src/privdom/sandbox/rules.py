"""Settings of the sandbox: each answers a question that WeCom's documentation leaves open or lets a corp decide."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import attrs

from privdom._facts import limits


__all__ = ["Quota", "Rules"]


def _share(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not 0 <= value <= 1:
        msg = f"{attribute.name} is a share between 0 and 1, not {value}"
        raise ValueError(msg)


def _not_negative(_: object, attribute: attrs.Attribute[timedelta], value: timedelta) -> None:
    if value < timedelta(0):
        msg = f"{attribute.name} cannot be negative"
        raise ValueError(msg)


@attrs.frozen
class Quota:
    """At most ``calls`` to one API within any ``seconds`` of real time; the lock-out lasts as long."""

    calls: int
    seconds: float


@attrs.frozen(kw_only=True)
class Rules:
    """How this WeCom behaves where the documentation is silent. Times are virtual unless they say otherwise."""

    # Access.
    quotas: tuple[Quota, ...] = (Quota(limits.CALLS_PER_MINUTE, 60), Quota(limits.CALLS_PER_HOUR, 3_600))
    """Per API path, over real time (90312)."""
    mark_tag_in_flight: int = limits.MARK_TAG_IN_FLIGHT
    """More than this at once are answered with 45033. No number is published; five is what users report."""
    latency: float = 0.0
    """Real seconds that every API answer takes, so that calls can overlap."""
    trusted_ips: tuple[str, ...] = ()
    """Addresses that may call (企业可信IP); empty: all."""
    token_life: timedelta = timedelta(seconds=limits.TOKEN_SECONDS)

    # Customers and tags.
    empty_list_errcode: int = 84061
    """What `list` answers for staff without customers; seen live, not documented. 0: an empty list."""
    edit_foreign_tags: bool = False
    """Whether the app may edit and delete tags that an admin made (92117 says no)."""

    # On-the-job transfers (92125).
    refusal_rate: float = attrs.field(default=0.0, validator=_share)
    """Share of customers who refuse a takeover; who does depends on the customer and the takeover staff."""
    transfer_copies_tags: bool = False
    transfer_copies_remark: bool = False
    transfer_counts: Literal["starts", "successes"] = "starts"
    """What counts towards two transfers in 90 days (40128)."""
    rejected_transfers_listed: bool = False
    """Whether `transfer_result` lists attempts that were refused with an errcode, as one report says."""

    # Groups given to another owner (95703).
    group_transfer_time: timedelta = attrs.field(default=timedelta(0), validator=_not_negative)
    """How long after the answer the owner changes; whether that is at once is documented nowhere."""

    # Moments (95094, 93333).
    moment_quota: Quota = Quota(limits.MOMENTS_PER_MINUTE, 60)
    """For add_moment_task, over real time, besides `quotas`."""
    moment_job_time: timedelta = attrs.field(default=timedelta(seconds=10), validator=_not_negative)
    """How long WeCom takes to make a moment."""
    moment_list_lag: timedelta = attrs.field(default=timedelta(0), validator=_not_negative)
    """How late a new moment shows up in the list; whether those that nobody has published do is documented nowhere."""

    # Media (90253, 90254, 96219).
    check_media: bool = False
    """
    Whether messages, moments, remarks and closing words refuse a media id that is not one, was not uploaded for them, or
    has expired. WeCom does; it is off so that tests may invent media ids.
    """
    media_in_blocks: bool = False
    """Whether a part of a file must be a multiple of 16 bytes; 90254 says so of "some" files."""
    url_upload_time: timedelta = attrs.field(default=timedelta(seconds=10), validator=_not_negative)
    """How long WeCom takes to fetch a file from its URL."""

    # Mass messages (92135, 93338).
    dispatch_time: timedelta = attrs.field(default=timedelta(0), validator=_not_negative)
    """How long a new message answers 41063 to questions about it."""
    list_lag: timedelta = attrs.field(default=timedelta(0), validator=_not_negative)
    """How late a new message shows up in the list of messages."""
    confirm_after: timedelta = attrs.field(default=timedelta(minutes=1), validator=_not_negative)
    """The least time staff take to confirm a message."""
    confirm_within: timedelta = attrs.field(default=timedelta(hours=2), validator=_not_negative)
    """The most time staff take; who takes how long depends on the staff and the content."""
    never_confirm_rate: float = attrs.field(default=0.0, validator=_share)
    """Share of (staff, content) that is never confirmed."""
    receive_cap: Literal["month", "week", "day"] = "month"
    """A customer or group receives as many mass messages a month as it has days, or 7 a week, or 1 a day (UTC+8)."""
    receive_cap_number: int | None = None
    """Another number for the period of ``receive_cap``."""
    cancelled_tasks_hidden: bool = True
    """Whether asking for the senders of a cancelled message answers 41093, as one report says."""
    second_cancel_errcode: int = 41093
    """What cancelling twice answers; undocumented. 0: accepted again."""

    # Callbacks (90930).
    callback_retries: tuple[timedelta, ...] = (timedelta(seconds=5),) * limits.CALLBACK_RETRIES
    """Waiting time before each retry; after the last one the callback is lost."""
    callback_timeout: float = float(limits.CALLBACK_SECONDS)
    """Real seconds."""
