"""Connections of a server: one whose request does not arrive is closed, so that waiting clients cannot use up all."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

ARRIVAL_SECONDS = 15.0
"""How long the head of a request may take, and a pause in its body."""


class TimedProtocol(H11Protocol):
    """HTTP/1.1 with a limit on the time in which a request arrives. Responses may take as long as they need."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            self._stop()
            self._start()
        elif state is not h11.IDLE:
            self._stop()
        elif self._timer is None:
            self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self._timer = self.loop.call_later(ARRIVAL_SECONDS, self._cut)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _cut(self) -> None:
        if self.flow.read_paused:
            # The rest of the body waits here, not at the client.
            self._start()
        else:
            self.transport.close()
