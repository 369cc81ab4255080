"""The offer to keep the answers: a profile as a JSON file, written whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from selector.files import write_atomically
from selector.text import printable
from selector.wizard.dialogue import Option, Prompts
from selector.workload.profile import WorkloadProfile

_NAME = "workload.json"
_YES, _NO, _OTHER = "yes", "no", "other"


def offer_to_save(profile: WorkloadProfile, prompts: Prompts) -> None:
    """Ask whether and where to save; a file that exists is only replaced if the user says so."""
    prompts.say("")
    wanted = prompts.choose("Save the answers as a JSON file?", [Option(_NO, "no"), Option(_YES, "yes")], _NO)
    while wanted == _YES:
        typed = prompts.type_in("File name", _NAME, _problem)
        path = _path(typed)
        wanted = _may_write(path, prompts)
        if wanted == _YES and _written(path, profile, prompts):
            return
        wanted = _NO if wanted == _NO else _YES


def profile_json(profile: WorkloadProfile) -> bytes:
    """The profile as a file: every answer given, also those that are the default."""
    return f"{profile.model_dump_json(indent=2, exclude_unset=True)}\n".encode()


def _path(typed: str) -> Path:
    return Path(typed.strip() or _NAME).expanduser()


def _problem(typed: str) -> str | None:
    """What is wrong with a file name, or None."""
    if not typed.isprintable():
        return "a file name without control characters is needed"
    try:
        path = _path(typed)
        with suppress(FileNotFoundError):
            if not S_ISREG(path.lstat().st_mode):  # nor a link: it would be replaced
                return f"{path} is not a file that can be replaced"
        return None if path.parent.is_dir() else f"there is no folder {path.parent}"
    except (OSError, RuntimeError) as error:  # too long a name, or ~somebody who does not exist
        return f"that name cannot be used: {error.strerror if isinstance(error, OSError) else error}"


def _may_write(path: Path, prompts: Prompts) -> str:
    if not path.exists():
        return _YES
    options = [Option(_OTHER, "no: another name"), Option(_YES, "yes: replace it"), Option(_NO, "do not save")]
    return prompts.choose(f"{path} exists. Replace it?", options, _OTHER)


def _written(path: Path, profile: WorkloadProfile, prompts: Prompts) -> bool:
    try:
        write_atomically(path, profile_json(profile))
    except OSError as error:
        prompts.say(printable(f"{path} cannot be written: {error.strerror}"))
        return False
    prompts.say(printable(f"Wrote {path.resolve()}"))
    return True
