"""The life of an instance as a pure state machine: (document, what happens) -> new document.

Nothing here knows a store, a clock or a runner. Who calls what, each inside one transaction:

    API          pause, resume, terminate, set_mode, set_rate, grant_steps, reset_episode, save, start_from, restore,
                 record, stop_recording, save_last (asking.py)
                 set_override, clear_overrides (overriding.py)
    runner link  claim, report, received, saved, restored (reporting.py)
    launcher     fail
    reconciler   wait, silent, recover, relaunch, lose, fail, finish (reconciling.py)
    all          what is read of a document (state.py)

Invariants, held by property tests:
    - a final phase (TERMINATED, FAILED, LOST) is never left;
    - attempt, timeline, generation, steps and resets never shrink, and observedGeneration <= generation;
    - only the current attempt's claim and reports have an effect (fencing): others raise Conflict;
    - a checkpoint is only ever replaced by a newer one, or by one that is restored, and at most MAX_CRASHES attempts in
      a row crash after starting from the same, or are interrupted before their first step;
    - a request to save is answered once, by the attempt of which it was asked, and none comes before that answer;
    - a request to restore is answered once, by that attempt, or by the next one, which starts from what was asked for;
      meanwhile nothing is saved on request;
    - a rule that has ended never stands again, and rules survive attempts and timelines;
    - a request to record is of one attempt, and holds until it is taken back or that attempt has ended;
    - a timeline begins where a state is put back: in the process that runs, or with the next attempt;
    - documents given in are never changed; every function returns a new one.
"""

from __future__ import annotations

from ..moments import moment, timestamp
from .asking import (
    check_generation,
    grant_steps,
    pause,
    record,
    reset_episode,
    restore,
    resume,
    save,
    save_last,
    set_mode,
    set_rate,
    start_from,
    stop_recording,
    terminate,
)
from .overriding import (
    MAX_OVERRIDE_BYTES,
    MAX_OVERRIDES,
    clear_overrides,
    overrides_ended,
    set_override,
)
from .reconciling import (
    MAX_CRASHES,
    fail,
    finish,
    lose,
    recover,
    relaunch,
    silent,
    wait,
)
from .reporting import (
    RUNNER_PHASES,
    Report,
    claim,
    received,
    report,
    restored,
    saved,
)
from .state import (
    check_not_final,
    checkpoint_of,
    control_of,
    is_final,
    is_silent,
    new_status,
    no_stats,
    pending_restore,
    pending_save,
    restores_in_place,
    standing_overrides,
    wanted,
    wanted_last,
    wanted_recording,
)

__all__ = [
    "MAX_CRASHES",
    "MAX_OVERRIDES",
    "MAX_OVERRIDE_BYTES",
    "RUNNER_PHASES",
    "Report",
    "check_generation",
    "check_not_final",
    "checkpoint_of",
    "claim",
    "clear_overrides",
    "control_of",
    "fail",
    "finish",
    "grant_steps",
    "is_final",
    "is_silent",
    "lose",
    "moment",
    "new_status",
    "no_stats",
    "overrides_ended",
    "pause",
    "pending_restore",
    "pending_save",
    "received",
    "record",
    "recover",
    "relaunch",
    "report",
    "reset_episode",
    "restore",
    "restored",
    "restores_in_place",
    "resume",
    "save",
    "save_last",
    "saved",
    "set_mode",
    "set_override",
    "set_rate",
    "silent",
    "standing_overrides",
    "start_from",
    "stop_recording",
    "terminate",
    "timestamp",
    "wait",
    "wanted",
    "wanted_last",
    "wanted_recording",
]
