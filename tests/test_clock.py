"""One time line: whoever steps the machine's wall clock doesn't shift what is due, fresh or late."""

from __future__ import annotations

import pytest

from syncd.clock import SystemClock
from syncd.core.quantity import Instant

START_US = 1_780_000_000_000_000
HOUR_US = 3_600_000_000


class Machine:
    """A machine whose wall clock can be stepped."""

    wall_us = START_US
    running_us = 5_000_000

    def pass_time(self, microseconds: int) -> None:
        self.wall_us += microseconds
        self.running_us += microseconds

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall_us, lambda: self.running_us)


@pytest.mark.parametrize("step_us", [HOUR_US, -HOUR_US, -24 * HOUR_US])
def test_time_runs_evenly_through_a_step_of_the_wall_clock(step_us: int) -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.now()
    machine.pass_time(10)
    machine.wall_us += step_us
    machine.pass_time(10)
    assert clock.now() == before + 20
    assert clock.wall() == START_US + step_us + 20


def test_a_life_begins_no_earlier_than_the_last_one_ended() -> None:
    machine = Machine()
    clock = machine.clock()
    assert clock.not_before(Instant(START_US - HOUR_US)) == 0
    assert clock.now() == START_US
    assert clock.not_before(Instant(START_US + HOUR_US)) == HOUR_US
    machine.pass_time(7)
    assert clock.now() == START_US + HOUR_US + 7


def test_the_machines_own_clocks_go_on() -> None:
    clock = SystemClock()
    first, wall = clock.now(), clock.wall()
    assert abs(first - wall) < HOUR_US
    assert clock.now() >= first
