"""Send messages of an app to staff, take them back, and change their cards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from privdom._facts import endpoints, limits
from privdom._port import Blocking, blocking
from privdom.wecom._values import Done
from privdom.wecom.app_messages.cards import Card
from privdom.wecom.app_messages.contents import AppContent, AppSafety
from privdom.wecom.app_messages.models import (
    AppMessageSent,
    CardReplacement,
    CardUpdated,
    RecallAppMessageRequest,
    SendAppMessageRequest,
    UpdateCardRequest,
)


if TYPE_CHECKING:
    from privdom.wecom.retry import Retry
    from privdom.wecom.session import Session


__all__ = ["AppMessages", "AsyncAppMessages"]

# A client of ordinary patience has made its last repeat by then. With a shorter check, that could be delivered too.
_REPEATS_SECONDS = 600


def _last_repeat(retry: Retry) -> float:
    """Return the seconds within which the last repeat is made, when each call takes as long as the wait before it."""
    return max(_REPEATS_SECONDS, retry.attempts * 2 * max(retry.blocked_wait, retry.longest_wait))


class AsyncAppMessages:
    """
    Messages of an app (应用消息) to staff; customers get none of these.

    Every method raises what a call can raise: `NotSent`, `MayHaveArrived`, `ApiError`.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    async def send(
        self,
        content: AppContent,
        *,
        agent_id: int,
        touser: Iterable[str] = (),
        toparty: Iterable[int] = (),
        totag: Iterable[int] = (),
        safe: AppSafety | int = AppSafety.OPEN,
        enable_id_trans: bool = False,
        enable_duplicate_check: bool = False,
        duplicate_check_interval: int | None = None,
    ) -> AppMessageSent:
        """
        Send a message of the app to staff (WeCom documentation 90236).

        Without the duplicate check a second call is a second message, and no
        list tells what became of the first: the client never repeats it. With
        the check, for ten minutes or longer, WeCom does not deliver the same
        content again, and the client repeats a call whose answer was lost;
        where its `Retry` is more patient than that, for as long as it waits.
        Whether a repeat answers the ``msgid`` of the first is documented
        nowhere, so it may be of no use to `recall`.

        WeCom advises against minute 0 and 30 of the hour, when everybody sends.

        Args:
            content: a text, or an `AppText`, `Image`, `Voice`, `AppVideo`, `File`, `TextCard`, `News`, `MpNews`,
                `Markdown`, `MiniProgramNotice` or a card such as `TextNotice`.
            agent_id: of the app whose secret the client has.
            touser: at most 1,000 userids, or ``[EVERYONE]``, but for a `MiniProgramNotice`.
            toparty: at most 100 departments.
            totag: at most 100 tags of staff (not of customers).
            safe: staff cannot pass it on; of texts, images, videos, files and `MpNews`.
            enable_id_trans: names stand for ``$userName=USERID$``, ``$departmentName=ID$`` and the like; not in
                `Markdown` and in what has no words.
            enable_duplicate_check: the same content is not delivered twice within the interval.
            duplicate_check_interval: seconds, at most 4 hours; WeCom's default is 1,800.

        Returns:
            The message, and who of the receivers is unknown or without licence.

        Raises:
            UsageError: Nobody to send to, too many, a text too long, a card with a part missing ...
            BadRequest: No receiver is known and licensed (81013), a media id is none or too old (40007), a card needs a
                callback URL (43012) ...
            NoPermission: *agent_id* is not this app (301002).
            QuotaExceeded: The corp's 200 messages a day for each account are used up (45009).
        """
        request = SendAppMessageRequest.of(
            content,
            agent_id=agent_id,
            touser=touser,
            toparty=toparty,
            totag=totag,
            safe=safe,
            enable_id_trans=enable_id_trans,
            enable_duplicate_check=enable_duplicate_check,
            duplicate_check_interval=duplicate_check_interval,
        )
        seconds = duplicate_check_interval or limits.DUPLICATE_CHECK_SECONDS_DEFAULT
        guarded = enable_duplicate_check and seconds >= _last_repeat(self._session.retry)
        endpoint = endpoints.APP_MESSAGE_SEND_CHECKED if guarded else endpoints.APP_MESSAGE_SEND
        return await self._session.call(endpoint, request, AppMessageSent)

    async def recall(self, msgid: str) -> None:
        """
        Take back a message of the app, within 24 hours (WeCom documentation 94867).

        What staff read in WeChat stays there.

        Raises:
            UsageError: *msgid* is empty.
            BadRequest: It is older than 24 hours (42052), or no message of this app (40058).
        """
        await self._session.call(endpoints.APP_MESSAGE_RECALL, RecallAppMessageRequest(msgid), Done)

    async def update_card(
        self,
        response_code: str,
        *,
        agent_id: int,
        userids: Iterable[str] = (),
        partyids: Iterable[int] = (),
        tagids: Iterable[int] = (),
        atall: bool = False,
        replace_name: str | None = None,
        card: Card | None = None,
        enable_id_trans: bool = False,
    ) -> CardUpdated:
        """
        Change a card that staff can answer: its button, or the whole of it (WeCom documentation 94888).

        A code works once. Where the answer is lost the client asks again, and
        may then be told that the code was used.

        Args:
            response_code: of the sending or of a callback, at most 72 hours old.
            agent_id: of the app that sent it.
            userids: at most 1,000 of those who got it.
            partyids: at most 100 departments.
            tagids: at most 100 tags of staff.
            atall: all who got it.
            replace_name: what stands on the greyed-out button; not for a `TextNotice` or `NewsNotice`.
            card: a whole new card, of any kind; ``replace_text`` in it greys its button out.
            enable_id_trans: as in `send`.

        Raises:
            UsageError: For nobody, or not one of *replace_name* and *card*.
            BadRequest: The code was used, is too old, or is none (60140).
        """
        request = UpdateCardRequest(
            userids=userids,
            partyids=partyids,
            tagids=tagids,
            atall=1 if atall else None,
            agentid=agent_id,
            response_code=response_code,
            enable_id_trans=1 if enable_id_trans else None,
            button=None if replace_name is None else CardReplacement(replace_name),
            template_card=card,
        )
        return await self._session.call(endpoints.APP_CARD_UPDATE, request, CardUpdated)

    def __repr__(self) -> str:
        return f"<AsyncAppMessages of {self._session.corp_id}>"


class AppMessages(Blocking[AsyncAppMessages]):
    """Messages of an app (应用消息) to staff; `AsyncAppMessages`, blocking."""

    send = blocking(AsyncAppMessages.send)
    recall = blocking(AsyncAppMessages.recall)
    update_card = blocking(AsyncAppMessages.update_card)
