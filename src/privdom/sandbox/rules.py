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
    ticket_quota: Quota = Quota(limits.TICKETS_PER_APP_AND_HOUR, 3_600)
    """For both kinds of JS-SDK ticket together, over real time (90312). Whether they share it is documented nowhere."""
    contacts_sync: bool = True
    """Whether the secret is that of 通讯录同步 as well, without which `user/list_id` answers 48002."""

    # Customers and tags.
    empty_list_errcode: int = 84061
    """What `list` answers for staff without customers; seen live, not documented. 0: an empty list."""
    edit_foreign_tags: bool = False
    """Whether the app may edit and delete tags that an admin made (92117 says no)."""

    served_after_parting: bool = True
    """Whether `contact_list` keeps those who have parted since: it is said to tell all who were ever served."""

    # Temporary chats (92228).
    no_temp_chat_errcode: int = 84061
    """What closing a temporary chat answers where there is none; undocumented."""

    # Acquisition links (97297, 97299, 97375).
    links_per_corp: int = 10_000
    """As many links can be made before 41095; the number is published nowhere."""
    special_trade: bool = True
    """Whether the corp's trade may use priority_option (else 41200), and hears of opened profiles."""
    exhausted_links_add: bool = False
    """Whether links still win customers when no uses are left."""
    link_total: Literal["bought", "used"] = "bought"
    """What `total` counts: all uses that were ever had, or those that were taken; the word allows both."""

    # Strategies (94883, 94890).
    delete_parent_strategies: bool = False
    """Whether a strategy with others under it can be deleted, which takes them along; documented nowhere."""

    # On-the-job transfers (92125).
    refusal_rate: float = attrs.field(default=0.0, validator=_share)
    """Share of customers who refuse a takeover; who does depends on the customer and the takeover staff."""
    transfer_copies_tags: bool = False
    transfer_copies_remark: bool = False
    transfer_counts: Literal["starts", "successes"] = "starts"
    """What counts towards two transfers in 90 days (40128)."""
    rejected_transfers_listed: bool = False
    """Whether `transfer_result` lists attempts that were refused with an errcode, as one report says."""

    # Customers of staff who resigned (92124, 94081).
    waiting_still_unassigned: bool = True
    """Whether the list of the unassigned keeps customers whose 24 hours run."""
    resigned_transfer_tells_handover: bool = False
    """Whether del_external_contact is fired for who resigned when a transfer is done; reports contradict each other."""

    # Groups (92122, 92229).
    group_size: int = limits.GROUP_MEMBERS
    """How many people a group can have; then join ways open another. Told on pages about the product only."""

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
    moment_dispatch_time: timedelta = attrs.field(default=timedelta(0), validator=_not_negative)
    """How long a new moment answers 41079 to questions about it."""
    moments_seen_per_month: int | None = limits.MOMENTS_SEEN_PER_MONTH
    """So many moments of the corp a customer sees in a month (UTC+8); only an older text has a number. None: all."""
    staff_moments_seen_per_day: int | None = limits.STAFF_MOMENTS_SEEN_PER_DAY
    """So many moments of staff's own a customer sees in a day (UTC+8); only an older text has a number. None: all."""

    # Group welcomes (92366).
    unknown_group_welcome_errcode: int = 41058
    """What calls about a group welcome that is not there answer; undocumented."""

    # Statistics (92132, 92133).
    mass_messages_counted: bool = True
    """Whether mass messages are among the messages that staff sent; documented nowhere."""

    # Product albums and intercept rules (95096, 95097).
    foreign_errcode: int = 60011
    """What changing a product or a rule that an admin made is answered with; that it is refused is all that is told."""
    products_per_corp: int | None = None
    """How many products a corp can have (41202); no number is published. None: as many as it likes."""

    # Media (90253, 90254, 96219).
    check_media: bool = False
    """
    Whether messages, moments, products, remarks and closing words refuse a media id that is not one, was not uploaded for
    them, or has expired. WeCom does; it is off so that tests may invent media ids.
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
    list_while_dispatching_errcode: int = 0
    """
    What the list answers while one that it would show is being dispatched. That may be 41063, as for the other
    questions about it (90313). 0: the list.
    """
    confirm_after: timedelta = attrs.field(default=timedelta(minutes=1), validator=_not_negative)
    """The least time staff take to confirm a message, and to publish a moment."""
    confirm_within: timedelta = attrs.field(default=timedelta(hours=2), validator=_not_negative)
    """The most time staff take; who takes how long depends on the staff and the content."""
    never_confirm_rate: float = attrs.field(default=0.0, validator=_share)
    """Share of (staff, content) that is never confirmed, nor published."""
    receive_cap: Literal["month", "week", "day"] = "month"
    """A customer or group receives as many mass messages a month as it has days, or 7 a week, or 1 a day (UTC+8)."""
    receive_cap_number: int | None = None
    """Another number for the period of ``receive_cap``."""
    cancelled_tasks_hidden: bool = True
    """Whether asking for the senders of a cancelled message answers 41093, as one report says."""
    second_cancel_errcode: int = 41093
    """What cancelling twice answers; undocumented. 0: accepted again."""

    # App messages (90236, 94867).
    accounts: int = 500
    """How many accounts the corp may have: the app can send 200 messages a day (UTC+8) for each."""
    unlicensed_staff: tuple[str, ...] = ()
    """Staff without a licence for the API (基础接口许可), who get no app messages."""
    app_messages_reach_below: bool = True
    """Whether a message to a department goes to the departments below it too; documented nowhere."""
    duplicates_keep_msgid: bool = False
    """
    Whether a message that the duplicate check stops answers the msgid of the first; documented nowhere. If not, it
    answers one of its own, which recalls nothing.
    """
    second_recall_errcode: int = 0
    """What taking a message back twice answers; undocumented. 0: accepted again."""

    # Callbacks (90930).
    callback_retries: tuple[timedelta, ...] = (timedelta(seconds=5),) * limits.CALLBACK_RETRIES
    """Waiting time before each retry; after the last one the callback is lost."""
    callback_timeout: float = float(limits.CALLBACK_SECONDS)
    """Real seconds."""
