"""Errors that a user can mend: told as one sentence, without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something asked for cannot be; the message names it and says what to do."""


def tell(main: Callable[[], None]) -> None:
    """Runs a stage's `main`; a UserError ends it with exit status 1 and its message on stderr."""
    try:
        main()
    except UserError as error:
        sys.exit(f"{type(error).__name__}: {error}")
