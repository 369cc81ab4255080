"""What the shell completes: workload files and examples, and the settings of a profile; and bash, where = parts words."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class


def workload_files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the shell: JSON files and folders that begin like that, and examples."""
    from selector.pipeline import example_files

    folder, slash, begun = incomplete.rpartition("/")
    parent = Path(f"{folder}{slash}" or ".").expanduser()
    found = []
    with suppress(OSError):
        for path in sorted(parent.iterdir()):
            if path.name.startswith(begun) and path.name.startswith(".") == begun.startswith("."):
                name = f"{folder}{slash}{path.name}"
                if path.is_dir():
                    found.append(CompletionItem(f"{name}/"))
                elif path.suffix == ".json":
                    found.append(CompletionItem(name))
    found += [
        CompletionItem(name, help="an example that ships") for name in example_files() if name.startswith(incomplete)
    ]
    return found


def setting_words(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """For the shell: `KEY=` for the fields that begin like that; after it, or if there is one only, what it may be."""
    from selector.workload.profile import WorkloadProfile

    key, equals, begun = incomplete.partition("=")
    fields = [name for name in WorkloadProfile.model_fields if (name == key if equals else name.startswith(key))]
    if len(fields) != 1:
        return [f"{name}=" for name in fields]
    values = [f"{fields[0]}={value}" for value in _fixed_values(fields[0]) if value.startswith(begun)]
    return values or ([] if equals else [f"{fields[0]}="])


def _fixed_values(field: str) -> tuple[str, ...]:
    """What a field may be, where that is a list."""
    from selector.workload.fields import field_kind

    kind = field_kind(field)
    return ("true", "false") if kind.kind == "flag" else tuple(map(str, kind.choices or ()))


class _Bash(BashComplete):
    """Bash hands over KEY=VALUE as three words, and replaces but the last of them; and it ends what is complete by a space.

    Here the three are one again; the answer is what comes after the sign, and no space follows one, or a folder.
    """

    source_template = BashComplete.source_template.replace(
        "    return 0\n", "    [[ ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace\n    return 0\n"
    )
    before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one to complete, and that."""
        arguments, incomplete = super().get_completion_args()
        words: list[str] = []
        for word in (*arguments, incomplete):
            if words and (word == "=" or words[-1].endswith("=")) and not words[-1].startswith("--"):
                words[-1] += word
            else:
                words.append(word)
        *others, last = words
        if last != incomplete:
            self.before = last.partition("=")[0] + "="
        return others, last

    def format_completion(self, item: CompletionItem) -> str:
        """The answer, without what bash keeps."""
        return f"{item.type},{item.value.removeprefix(self.before)}"


def prepare() -> None:
    """Make click use it."""
    add_completion_class(_Bash)
