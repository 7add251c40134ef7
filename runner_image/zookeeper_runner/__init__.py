"""The runner: the process that one attempt of an instance lives in."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036  configurations name interpreters, whatever we ask for
    raise SystemExit(f"{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}; a runner needs 3.10")
