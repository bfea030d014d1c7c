"""A whole WeCom corp on one's own machine."""

from __future__ import annotations

import threading
import time

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import attrs
import httpx

from privdom.sandbox import populate, snapshot, view
from privdom.sandbox.callbacks import Callbacks, Receiver
from privdom.sandbox.chance import digest
from privdom.sandbox.clock import Agenda, VirtualClock
from privdom.sandbox.crypto import checked, new_key
from privdom.sandbox.door import Tokens
from privdom.sandbox.faults import Faults
from privdom.sandbox.people import ROOT, People
from privdom.sandbox.record import Record
from privdom.sandbox.router import Reply, Request, Router
from privdom.sandbox.rules import Rules
from privdom.sandbox.server import serving
from privdom.sandbox.state import Department, State
from privdom.sandbox.transport import SandboxTransport
from privdom.sandbox.world import World


__all__ = ["Sandbox"]

_START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Sandbox(People):
    """
    One WeCom corp: its state, its clock, its callbacks, and its own record of what happened.

    Nothing moves by itself. Calls of the API change the state at once; what takes
    time (staff confirming, transfers, callback retries) happens in `advance` and
    `advance_to`. Behaviour depends on the seed, on whom it concerns and on
    virtual time, never on the order of calls.

    Args:
        seed: the same seed gives the same people, ids and decisions.
        now: where the clock starts, aware.
        corp_id: default: made from the seed.
        secret: the app's secret.
        rules: answers to what WeCom's documentation leaves open.
        callback_token: default: made from the seed, as is encoding_aes_key.
        monotonic: real seconds, for the quotas.
    """

    def __init__(
        self,
        seed: int = 0,
        now: datetime = _START,
        *,
        corp_id: str | None = None,
        secret: str = "sandbox-secret",  # noqa: S107 - a made-up corp
        rules: Rules | None = None,
        callback_token: str | None = None,
        encoding_aes_key: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        lock = threading.RLock()
        self.corp_id = corp_id or "ww" + digest(seed, "corp")[:16]
        self.secret = secret
        self.clock: VirtualClock = VirtualClock(now)
        self.faults = Faults(seed)
        self.record: Record = Record()
        self._advancing = threading.RLock()
        self._agenda = Agenda()
        self._url: str | None = None
        self._callbacks = Callbacks(
            corp_id=self.corp_id,
            seed=seed,
            token=callback_token or digest(seed, "callback token"),
            encoding_aes_key=checked(encoding_aes_key or new_key(digest(seed, "callback key"))),
            clock=self.clock,
            agenda=self._agenda,
            record=self.record,
            rules=lambda: self.rules,
            faults=self.faults,
            lock=lock,
        )
        state = State(departments={ROOT: Department(ROOT, "总部", 0)})
        tokens = Tokens(seed, self.corp_id, secret, self.clock)
        world = World(
            self.corp_id, seed, rules or Rules(), self.clock, self._agenda, state, self.record, self._callbacks, tokens
        )
        super().__init__(world, lock)
        self._router = Router(world, faults=self.faults, lock=lock, monotonic=monotonic)
        self.transport = SandboxTransport(self.arriving)

    # The way in.

    def arriving(self, request: Request) -> AbstractContextManager[Reply]:
        """Carry a request out and give the reply; it counts as in flight until the block ends."""
        return self._router.arriving(request)

    @property
    def rules(self) -> Rules:
        """How this WeCom behaves; may be replaced at any time."""
        return self._world.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._world.rules = rules

    def revoke_tokens(self) -> None:
        """End all access tokens before their time, as WeCom may."""
        with self._lock:
            self._world.tokens.revoke_all()

    def serving(self, *, port: int = 0) -> AbstractContextManager[str]:
        """Serve HTTP on localhost from a thread of this process; the context gives the base URL."""
        return serving(self, port=port)

    # Time.

    def advance_to(self, when: datetime) -> None:
        """Move the clock to *when*, running what falls due on the way, in order of time; a past time does nothing."""
        if when.tzinfo is None:
            msg = "the time must be aware: give it a tzinfo, such as datetime.UTC"
            raise ValueError(msg)
        with self._advancing:
            if when <= self.clock.now():
                return
            while self._step(when):
                pass
            self.clock.move(when)

    def _step(self, until: datetime) -> bool:
        with self._lock:
            job = self._agenda.take(until)
            if job is None:
                return False
            self.clock.move(job.when)
            if not job.unlocked:
                job.due.run(self._world)
                return True
        job.due.run(self._world)
        return True

    def advance(self, by: timedelta) -> None:
        """Move the clock forward *by* this much."""
        with self._advancing:
            self.advance_to(self.clock.now() + by)

    def next_at(self) -> datetime | None:
        """Return when the next thing falls due, or None."""
        with self._lock:
            return self._agenda.next_at()

    # Callbacks.

    @property
    def callback_token(self) -> str:
        """The token that signs callbacks."""
        return self._callbacks.token

    @property
    def encoding_aes_key(self) -> str:
        """The key that encrypts callbacks."""
        return self._callbacks.encoding_aes_key

    @property
    def callback_url(self) -> str | None:
        """Where callbacks are posted."""
        return self._url

    @callback_url.setter
    def callback_url(self, url: str | None) -> None:
        self._url = url or None
        if not url:
            self._callbacks.receive(None)
        else:
            self._callbacks.post_to(url)

    def set_callback(self, url: str | None, *, token: str | None = None, encoding_aes_key: str | None = None) -> None:
        """Change where callbacks go and how they are signed and encrypted."""
        self._callbacks.encoding_aes_key = checked(encoding_aes_key or self._callbacks.encoding_aes_key)
        self._callbacks.token = token or self._callbacks.token
        self.callback_url = url

    def verify_callback_url(self) -> bool:
        """Ask the callback URL to prove itself, as WeCom does when an admin saves it; where nobody answers it does not."""
        if self._url is None:
            msg = "set callback_url first"
            raise ValueError(msg)
        try:
            return self._callbacks.verify(self._url)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def on_callback(self, receiver: Receiver | None) -> None:
        """Deliver callbacks to a function of this process: parameters and body in, HTTP status out."""
        self._url = None
        self._callbacks.receive(receiver)

    @property
    def pending_callbacks(self) -> int:
        """How many callbacks wait to be delivered."""
        return self._callbacks.pending

    def deliver(self) -> int:
        """Try every pending callback once, in order; return how many were taken."""
        return self._callbacks.deliver()

    def populate(self, *, staff: int = 12, customers: int = 3_000, groups: int = 30, overlap: float = 0.08) -> None:
        """
        Fill the corp: departments, staff, tags, codes, customers, groups; the same for the same seed.

        *overlap* is the share of customers whom two staff follow.
        """
        with self._lock:
            populate.fill(self, self._world, staff, customers, groups, overlap)

    # What there is.

    @contextmanager
    def looking(self) -> Generator[World, None, None]:
        """Give what the sandbox is made of, which stands still until the block ends."""
        with self._lock:
            yield self._world

    def state(self) -> dict[str, object]:
        """Return what there is, by id, as plain JSON-able data to look at; `snapshot` returns what can be restored."""
        with self._lock:
            return view.of(self._world)

    def snapshot(self) -> dict[str, object]:
        """
        Return all of it as plain JSON-able data, for `restore` and `restored`.

        Everything that is to come is in it: what staff will confirm, transfers that
        wait, callbacks that nobody took, faults. Not in it: who receives callbacks,
        and the counts of the quotas, which are of real time.
        """
        with self._advancing, self._lock:
            world = self._world
            return snapshot.to_json(
                snapshot.Snapshot(
                    self.corp_id,
                    self.secret,
                    world.seed,
                    self.callback_token,
                    self.encoding_aes_key,
                    world.now,
                    world.rules,
                    world.state,
                    self.record,
                    world.names,
                    world.refusals,
                    world.tokens.issued(),
                    self._agenda,
                    self._callbacks.queue(),
                    self.faults.plan(),
                )
            )

    def restore(self, data: Mapping[str, object]) -> None:
        """
        Be what `snapshot` described, with its corp, its secret and its time, for whoever receives callbacks here.

        Clients that are connected stay so: a token of theirs that was issued later
        is unknown now, and they ask for another.

        Raises:
            ValueError: it is no snapshot, or of another release's format; nothing has changed.
        """
        kept = snapshot.from_json(data)
        with self._advancing, self._lock:
            world = self._world
            self.corp_id, self.secret = kept.corp_id, kept.secret
            world.corp_id, world.seed, world.rules, world.state = kept.corp_id, kept.seed, kept.rules, kept.state
            world.names, world.refusals = kept.names, kept.refusals
            self.clock.restore(kept.now)
            self.record.restore(kept.record)
            self.faults.restore(kept.faults, seed=kept.seed)
            world.tokens.restore(kept.tokens, seed=kept.seed, corp_id=kept.corp_id, secret=kept.secret)
            self._agenda.jobs, self._agenda.booked = kept.agenda.jobs, kept.agenda.booked
            self._callbacks.restore(
                kept.callbacks,
                corp_id=kept.corp_id,
                seed=kept.seed,
                token=kept.callback_token,
                encoding_aes_key=kept.encoding_aes_key,
            )

    @classmethod
    def restored(cls, data: Mapping[str, object], *, monotonic: Callable[[], float] = time.monotonic) -> Self:
        """Return a new sandbox that is what `snapshot` described."""
        box = cls(monotonic=monotonic)
        box.restore(data)
        return box

    def settings(self) -> dict[str, str]:
        """Return what a client needs to connect: ids, secret, callback token and key."""
        return {
            "corp_id": self.corp_id,
            "secret": self.secret,
            "callback_token": self.callback_token,
            "encoding_aes_key": self.encoding_aes_key,
            "callback_url": self.callback_url or "",
        }

    def change_rules(self, **changes: Any) -> None:
        """Replace some of the rules by name."""
        self.rules = attrs.evolve(self.rules, **changes)

    def close(self) -> None:
        """Close the connection to the receiver of callbacks, the only one there is."""
        self._callbacks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = self._world.state
        groups = sum(not group.dismissed for group in state.groups.values())
        return (
            f"<Sandbox {self.corp_id[:2]}… {len(state.staff):,} staff, {len(state.customers):,} customers, "
            f"{groups:,} groups, {self.clock.now():%Y-%m-%d %H:%M} UTC>"
        )
