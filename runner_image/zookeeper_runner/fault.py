"""Faults: what people are shown of an exception in code that the zoo runs for them."""

from __future__ import annotations

import traceback as tracebacks
from pathlib import Path
from types import FrameType, TracebackType

import ainimal_zookeeper
from ainimal_zookeeper.domain.errors import AInimalFault, EnvFault, UserCodeFault

_OURS = (str(Path(__file__).parent), str(Path(ainimal_zookeeper.__path__[0])))
_FRAMES = 60
_TEXT = 500
_TRACEBACK_TEXT = 20_000


def fault_of(error: BaseException, kind: type[UserCodeFault]) -> UserCodeFault:
    """Returns `error` as a fault of `kind`: "ValueError: text, in forward (agent.py:31)" with the user's traceback."""
    if isinstance(error, (AInimalFault, EnvFault)) and error.traceback is not None:
        return error
    where = place(error.__traceback__)
    text = first_line(error) if not isinstance(error, UserCodeFault) else str(error)
    fault = kind(f"{text}, in {where}" if where else text, user_traceback(error))
    fault.__cause__ = error
    return fault


def first_line(error: BaseException) -> str:
    """Returns type and text of an exception, short enough for a list."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - its text is user code as well
        text = "(its text cannot be made)"
    if isinstance(error, SystemExit):
        text = f"the code asked the process to exit with {error.code!r}"
    if len(text) > _TEXT:
        text = text[:_TEXT] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def user_traceback(error: BaseException) -> str:
    """Returns the traceback as Python prints it, from the first frame that is not the zoo's own."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame):
        trace = trace.tb_next
    text = "".join(tracebacks.format_exception(type(error), error, trace, limit=-_FRAMES, chain=trace is not None))
    return text if len(text) <= _TRACEBACK_TEXT else "..." + text[-_TRACEBACK_TEXT:]


def place(trace: TracebackType | None) -> str | None:
    """Returns where user code raised, as "forward (agent.py:31)"; None when no user code took part."""
    found = None
    while trace is not None:
        if not _is_ours(trace.tb_frame) and "site-packages" not in trace.tb_frame.f_code.co_filename:
            found = (
                f"{trace.tb_frame.f_code.co_name} ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
            )
        trace = trace.tb_next
    return found


def stack_of(frame: FrameType) -> tuple[str, str]:
    """Returns where a running thread is in user code ("forward (agent.py:31)"), and its stack from there on."""
    summary = tracebacks.extract_stack(frame)
    first = next(
        (
            i
            for i, entry in enumerate(summary)
            if i and not _is_our_file(entry.filename) and any(_is_our_file(before.filename) for before in summary[:i])
        ),
        None,
    )
    user = summary[first:] if first is not None else summary
    last = next((entry for entry in reversed(user) if not _is_our_file(entry.filename)), user[-1])
    text = "".join(tracebacks.format_list(list(user)[-_FRAMES:]))
    return f"{last.name} ({Path(last.filename).name}:{last.lineno})", text[-_TRACEBACK_TEXT:]


def _is_ours(frame: FrameType) -> bool:
    return _is_our_file(frame.f_code.co_filename)


def _is_our_file(name: str) -> bool:
    return name.startswith(_OURS)
