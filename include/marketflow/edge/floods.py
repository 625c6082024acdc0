"""How often a message is recorded: who has one link can ask for ever, and each record takes room."""

from __future__ import annotations

import logging

from marketflow.shared import Clock

PER_MINUTE, PER_DAY = 60, 1_000
"""Opens, clicks and views of one message that are recorded in a minute and in a day; a person has a handful."""
_MESSAGES = 100_000  # that are counted at a time
_HANDFUL = 10
_DAY = 24 * 60
log = logging.getLogger(__name__)


class Floods:
    """Counts by message, in bounded room."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute, self._day = 0, 0
        self._in_minute, self._in_day = dict[int, int](), dict[int, int]()

    def is_flood(self, send_id: int) -> bool:
        """Count one more; has this message had too many in this minute or on this day (UTC)?"""
        self._turn_over()
        in_minute = self._in_minute[send_id] = self._in_minute.get(send_id, 0) + 1
        if in_minute > PER_MINUTE:
            if in_minute == PER_MINUTE + 1:
                log.warning("message %d is asked for more than %d times a minute; no more of it", send_id, PER_MINUTE)
            return True
        in_day = self._in_day[send_id] = self._in_day.get(send_id, 0) + 1
        if in_day == PER_DAY + 1:
            log.warning("message %d is asked for more than %d times a day; no more of it today", send_id, PER_DAY)
        return in_day > PER_DAY

    def _turn_over(self) -> None:
        minute = int(self._clock.now().timestamp() // 60)
        if minute != self._minute or len(self._in_minute) >= _MESSAGES:
            self._minute, self._in_minute = minute, {}
        if minute // _DAY != self._day:
            self._day, self._in_day = minute // _DAY, {}
        if len(self._in_day) >= _MESSAGES:  # those that have had a handful are forgotten, and the floods are not
            kept = {send_id: count for send_id, count in self._in_day.items() if count > _HANDFUL}
            self._in_day = kept if len(kept) < _MESSAGES // 2 else {}
