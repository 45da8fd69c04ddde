"""Errors that a user can mend: told as one sentence, without a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

REFUSALS = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)]


class UserError(Exception):
    """Something asked for cannot be; the message names it and says what to do."""


class FileError(UserError):
    """A file is missing, incomplete, of another kind, or made from something else than asked for."""


class UnknownName(UserError):
    """A name that nothing has; the message says which known one is near."""


class TargetError(UserError):
    """A target that nothing can be learned on: one class, equal values, or too few samples."""


class LabelsError(UserError):
    """A target cannot be written as text, or a text encoder cannot be had."""


def tell(main: Callable[[], None]) -> None:
    """Runs a command's `main`; what a user can mend ends it with exit status 1 and a sentence on stderr."""
    try:
        main()
    except UserError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except Exception as error:
        # Each library has an error of its own for what the disk refuses, with the system's words in it.
        refusal = next((words for words in REFUSALS if words in str(error)), None)
        if refusal is None:
            raise
        sys.exit(f"{refusal} ({error}): mend that and run again; what is finished is kept")
