"""The one error users meet: a message, a hint what to do, and the exit code it ends in."""

from __future__ import annotations


class SelectorError(Exception):
    """Something the user can mend.

    `message` says what is wrong and where, `hint` what is accepted or what to do next.
    The command line prints both and exits with `exit_code` (2: bad input or usage, 1: it failed).
    """

    def __init__(self, message: str, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
