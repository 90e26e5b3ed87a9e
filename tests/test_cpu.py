"""Process settings can be switched off, and threads follow what the user said."""

from __future__ import annotations

import pytest

from matting.system import cpu


def test_the_switch_leaves_the_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cpu.SWITCH, "0")
    assert cpu.tune() is False


def test_threads_are_the_users_or_a_fair_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_ASKED_THREADS", "3")
    assert cpu.threads() == 3
    monkeypatch.setattr(cpu, "_ASKED_THREADS", None)
    monkeypatch.setattr(cpu.os, "sched_getaffinity", lambda _: set(range(8)))
    assert cpu.threads() == 8
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "4")
    assert cpu.threads() == 2
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "16")
    assert cpu.threads() == 1
