"""What staff do in an app, and what becomes of the app itself (90240, 95039)."""

from __future__ import annotations

from datetime import datetime

import attrs

from privdom.wecom.callbacks.events._base import (
    KnownEvent,
    Part,
    decimal,
    field,
    hidden,
    items,
    moment,
    number,
    part,
    secret,
    text,
)


__all__ = [
    "AppActivityRestored",
    "AppClosed",
    "AppEntered",
    "AppEvent",
    "AppInactiveAlert",
    "AppLowActive",
    "AppLowActiveAlert",
    "AppReopened",
    "AppSubscribed",
    "AppUnsubscribed",
    "BatchJob",
    "BatchJobDone",
    "CardClicked",
    "CardEvent",
    "CardMenuClicked",
    "LocationReported",
    "MenuClicked",
    "MenuEvent",
    "MenuMiniProgramOpened",
    "MenuPageOpened",
    "MsgAuditNotified",
    "SelectedItem",
]


@attrs.frozen(kw_only=True)
class AppEvent(KnownEvent):
    """
    Something happened in an app, or to it.

    ``from_user_name`` is the staff who did it, ``sys`` where nobody did.

    Attributes:
        agent_id: the app; None where WeCom does not say.
    """

    agent_id: int | None = field("AgentID", number, default=None)


@attrs.frozen(kw_only=True)
class _Visit(AppEvent):
    event_key: str = field("EventKey", default="")


@attrs.frozen(kw_only=True)
class AppSubscribed(_Visit):
    """A staff came into the app's visible range, or joined the corp in it (subscribe); ``event_key`` is empty."""


@attrs.frozen(kw_only=True)
class AppUnsubscribed(_Visit):
    """A staff left the app's visible range or the corp, or was disabled (unsubscribe); ``event_key`` is empty."""


@attrs.frozen(kw_only=True)
class AppEntered(_Visit):
    """A staff opened the app (enter_agent); ``event_key`` is empty."""


@attrs.frozen(kw_only=True)
class MenuEvent(AppEvent):
    """A staff used an item of the app's menu, ``event_key``."""

    event_key: str = field("EventKey")


@attrs.frozen(kw_only=True)
class MenuClicked(MenuEvent):
    """A staff clicked (click); ``event_key`` is the key of the item."""


@attrs.frozen(kw_only=True)
class MenuPageOpened(MenuEvent):
    """A staff opened a page (view); ``event_key`` is its address."""


@attrs.frozen(kw_only=True)
class MenuMiniProgramOpened(MenuEvent):
    """A staff opened a mini program (view_miniprogram); ``event_key`` is the path of its page."""


@attrs.frozen(kw_only=True)
class LocationReported(AppEvent):
    """
    Where a staff was on opening the app (LOCATION).

    Attributes:
        latitude, longitude: in degrees.
        precision: as WeCom gives it.
        app_type: ``wxwork`` in WeCom, empty in WeChat.
    """

    latitude: float = field("Latitude", decimal, repr=hidden)
    longitude: float = field("Longitude", decimal, repr=hidden)
    precision: float = field("Precision", decimal, repr=hidden)
    app_type: str = field("AppType", default="")


@attrs.frozen(kw_only=True)
class BatchJob(Part):
    """
    A job on the directory that was done in the background.

    Attributes:
        job_id: at most 64 characters.
        job_type: sync_user, replace_user, invite_user or replace_party.
        err_code, err_msg: how it went; 0 is well.
    """

    job_id: str = field("JobId")
    job_type: str = field("JobType", default="")
    err_code: int | None = field("ErrCode", number, default=None)
    err_msg: str = field("ErrMsg", default="")


@attrs.frozen(kw_only=True)
class BatchJobDone(AppEvent):
    """A job on the directory has ended (batch_job_result)."""

    batch_job: BatchJob = field("BatchJob", part(BatchJob))


@attrs.frozen(kw_only=True)
class SelectedItem(Part):
    """
    What a staff chose on a card.

    Attributes:
        question_key: the question.
        option_ids: what was chosen.
    """

    question_key: str = field("QuestionKey", default="")
    option_ids: tuple[str, ...] = field("OptionIds", items("OptionId", text), default=(), repr=hidden)


@attrs.frozen(kw_only=True)
class CardEvent(AppEvent):
    """
    A staff used a template card.

    Attributes:
        event_key: the key of the button, or of the item of the menu.
        task_id: of the card's message.
        card_type: text_notice, news_notice, button_interaction, vote_interaction or multiple_interaction.
        response_code: the ticket to change the card once, within 72 hours.
    """

    event_key: str = field("EventKey")
    task_id: str = field("TaskId")
    card_type: str = field("CardType")
    response_code: str = secret("ResponseCode")


@attrs.frozen(kw_only=True)
class CardClicked(CardEvent):
    """A staff pressed a button of a card or submitted it (template_card_event); ``selected_items`` is what they chose."""

    selected_items: tuple[SelectedItem, ...] = field(
        "SelectedItems", items("SelectedItem", part(SelectedItem)), default=()
    )


@attrs.frozen(kw_only=True)
class CardMenuClicked(CardEvent):
    """A staff used the menu in the corner of a card (template_card_menu_event)."""


@attrs.frozen(kw_only=True)
class AppInactiveAlert(AppEvent):
    """
    Nobody uses the app, and it will be stopped (inactive_alert).

    Attributes:
        effect_time: when.
    """

    effect_time: datetime = field("EffectTime", moment)


@attrs.frozen(kw_only=True)
class AppClosed(AppEvent):
    """The app was stopped, since nobody used it (close_inactive_agent)."""


@attrs.frozen(kw_only=True)
class AppReopened(AppEvent):
    """An admin has let the app run again (reopen_inactive_agent)."""


@attrs.frozen(kw_only=True)
class AppLowActiveAlert(AppEvent):
    """
    The app is used little, and will see less of the customers (low_active_alert).

    Attributes:
        effect_time: when.
    """

    effect_time: datetime = field("EffectTime", moment)


@attrs.frozen(kw_only=True)
class AppLowActive(AppEvent):
    """The app is used little: calls about customers may be refused with 48011 (low_active)."""


@attrs.frozen(kw_only=True)
class AppActivityRestored(AppEvent):
    """The app is used enough again (active_restored)."""


@attrs.frozen(kw_only=True)
class MsgAuditNotified(AppEvent):
    """There are new messages in the archive of chats; comes once in 15 seconds at most (msgaudit_notify, 95039)."""
