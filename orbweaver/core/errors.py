"""Errors that a user can fix; they are printed as one sentence, without a traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

# What the system says when a disk is full, over quota, read-only or closed to this user.
REFUSALS = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)]


class UserError(Exception):
    """What the user asks for is not possible; the message names what is at fault and says what to do."""


class FileError(UserError):
    """A file is missing, incomplete, of another kind, or made from something other than what is asked for."""


class UnknownName(UserError):
    """A name that is not known; the message suggests the nearest known one."""


class TargetError(UserError):
    """A target that nothing can be learned on: one class, equal values, or too few samples."""


class LabelsError(UserError):
    """A target cannot be written as text, or a text encoder cannot be loaded."""


def tell(main: Callable[[], None]) -> None:
    """Runs a command's `main`; an error that a user can fix ends it with exit status 1 and a sentence on stderr."""
    try:
        main()
    except UserError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except Exception as error:
        # Each library has its own type of error for what the disk refuses; the system's words are in its message.
        refusal = next((words for words in REFUSALS if words in str(error)), None)
        if refusal is None:
            raise
        sys.exit(f"{refusal} ({error}): make room on the disk or allow access, and run again; what is finished is kept")
