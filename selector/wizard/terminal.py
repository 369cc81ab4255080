"""The dialogue at a terminal: questionary's menus (arrow keys, or typing to filter) and lines checked in place."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from selector.text import printable
from selector.wizard.dialogue import Option

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import FormattedText
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output
    from questionary import Question

_HOW_TO_CHOOSE = "(arrows or typing, Enter)"
_POINTER = ">"


class TerminalPrompts:
    """Prompts by questionary. `stream` is the terminal to draw on; `keys` and `screen` replace it in tests."""

    def __init__(self, stream: TextIO | None = None, keys: Input | None = None, screen: Output | None = None) -> None:
        self._keys = keys
        self._screen = screen if screen is not None else _screen(stream or sys.stderr)

    def say(self, text: str) -> None:
        """Show text, dim where the terminal can."""
        from prompt_toolkit import print_formatted_text

        print_formatted_text(_dim(wrapped(text, self._screen.get_size().columns)), output=self._screen)

    def choose(self, question: str, options: Sequence[Option], default: str | None = None) -> str:
        """The key of the option chosen from a menu."""
        import questionary

        menu = [questionary.Choice(printable(option.label), option.key) for option in options]
        return str(
            self._asked(
                questionary.select(
                    question,
                    menu,
                    default=default,
                    pointer=_POINTER,
                    instruction=_HOW_TO_CHOOSE,
                    use_search_filter=True,
                    use_jk_keys=False,
                    input=self._keys,
                    output=self._screen,
                )
            )
        )

    def type_in(self, question: str, enter: str, problem: Callable[[str], str | None]) -> str:
        """The line typed; what is wrong with it is said below it, and it can be corrected there."""
        import questionary

        return str(
            self._asked(
                questionary.text(
                    question,
                    validate=lambda text: problem(text) or True,
                    validate_while_typing=False,
                    placeholder=_dim(f"Enter: {enter}"),
                    input=self._keys,
                    output=self._screen,
                )
            )
        )

    @staticmethod
    def _asked(question: Question) -> Any:
        """The answer. Ctrl-D and a signal leave like Ctrl-C, and Enter waits while what is typed fits no option."""
        _add_keys(question)
        try:
            return question.unsafe_ask()
        except EOFError:
            raise KeyboardInterrupt from None


def wrapped(text: str, columns: int) -> str:
    """Text broken between words, made harmless for a terminal."""
    lines = [textwrap.wrap(line, max(columns - 1, 20)) or [""] for line in printable(text).split("\n")]
    return "\n".join(part for parts in lines for part in parts)


def _dim(text: str) -> FormattedText:
    from prompt_toolkit.formatted_text import FormattedText

    return FormattedText([("fg:ansibrightblack", printable(text))])


def _screen(stream: TextIO) -> Output:
    """The terminal on a stream; it is not asked where its cursor is, because some never answer."""
    from prompt_toolkit.output import create_output

    output = create_output(stream)
    if hasattr(output, "enable_cpr"):
        output.enable_cpr = False
    return output


def _add_keys(question: Question) -> None:
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.keys import Keys
    from questionary.prompts.common import InquirerControl

    menu = next((c for c in question.application.layout.find_all_controls() if isinstance(c, InquirerControl)), None)
    bindings = question.application.key_bindings
    if menu is None or not isinstance(bindings, KeyBindings):
        return  # a line of text: its own keys do all that

    @bindings.add(Keys.ControlD, eager=True)
    @bindings.add(Keys.SIGINT, eager=True)
    def leave(event: KeyPressEvent) -> None:
        """Ctrl-C and Ctrl-D leave."""
        event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

    @bindings.add(Keys.ControlM, eager=True, filter=Condition(lambda: _fits_nothing(menu)))
    def wait(_: KeyPressEvent) -> None:
        """Without this, typing a word that fits no option would choose the first one."""


def _fits_nothing(menu: Any) -> bool:
    typed = (menu.search_filter or "").casefold()
    return not any(typed in choice.title.casefold() for choice in menu.choices)
