"""The command that prints an instruction for coding assistants, which lies beside this file: a SKILL.md."""

from __future__ import annotations

from pathlib import Path

import click

from selector.cli.shared import print_bytes


@click.command(epilog="Example: concurrency-selector skill > SKILL.md")
@click.option("--section", is_flag=True, help="Without its front matter, as a section of an AGENTS.md.")
def skill(section: bool) -> None:
    """A short instruction for coding assistants: measure instead of guessing, with which commands, and how to read them.

    It is a SKILL.md, as assistants load it when it is needed.
    """
    text = Path(__file__).with_name("skill.md").read_text("utf-8")
    print_bytes(text.split("---\n\n", 1)[1] if section else text)
