"""WorkloadProfile: what a user tells us about a workload, and the words they may use for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from selector.errors import SelectorError
from selector.text import quoted, suggestion

WorkloadType = Literal["cpu", "io", "hybrid"]
ApproachId = Literal[
    "single_threaded",
    "native_parallel",
    "threads",
    "asyncio",
    "asyncio_threads",
    "free_threaded",
    "asyncio_free_threaded",
    "subinterpreters",
    "multiprocessing",
    "asyncio_processes",
    "distributed",
]
#: Every approach, simplest first: the order that settles ties.
APPROACHES: tuple[ApproachId, ...] = get_args(ApproachId)

MAX_PROFILE_BYTES = 1_000_000
_LARGEST = 10**12  # far past any workload, far below where floats lose whole numbers

_WORKLOAD_SPELLINGS: dict[str, WorkloadType] = {
    "cpu": "cpu", "cpubound": "cpu", "cpuintensive": "cpu", "cpuheavy": "cpu", "compute": "cpu",
    "computebound": "cpu", "computation": "cpu",
    "io": "io", "iobound": "io", "iointensive": "io", "ioheavy": "io", "network": "io", "networkbound": "io",
    "hybrid": "hybrid", "mixed": "hybrid", "both": "hybrid", "cpuio": "hybrid", "cpuandio": "hybrid",
    "iocpu": "hybrid", "ioandcpu": "hybrid", "ioboundandcpubound": "hybrid", "cpuboundandiobound": "hybrid",
}  # fmt: skip


def _workload_type(value: object) -> object:
    """`CPU-bound`, `I/O bound`, `mixed`, … as one of the three ids; anything else is left to be refused."""
    if not isinstance(value, str):
        return value
    letters = "".join(c for c in value.casefold() if c.isalnum())
    return _WORKLOAD_SPELLINGS.get(letters, value)


def _id_spelling(value: object) -> object:
    """`Hot-Writes` as `hot_writes`: ids are lower case with underscores, however they are typed."""
    return value.strip().casefold().replace("-", "_").replace(" ", "_") if isinstance(value, str) else value


def _interpreter_list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


_Id = BeforeValidator(_id_spelling)
_Amount = Annotated[float, Field(ge=0, le=_LARGEST)]
_Positive = Annotated[float, Field(gt=0, le=_LARGEST)]
_Count = Annotated[int, Field(ge=1, le=_LARGEST)]
InterpreterTag = Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}t?$")]


class WorkloadProfile(BaseModel):
    """A workload, as far as its owner knows it.

    The first five fields are the ones a user is always asked for; every other one is optional, and `None`
    means unknown. Times are milliseconds and sizes megabytes unless the name says otherwise; times per task
    are those of one worker on a GIL build of CPython. Values are checked strictly: a number is not accepted
    as text, a boolean is not a number, an unknown field is an error.

    >>> WorkloadProfile(workload_type="I/O bound", tasks=200).workload_type
    'io'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    workload_type: Annotated[WorkloadType, BeforeValidator(_workload_type)] = Field(
        description="What the work mostly does: compute (cpu), wait (io), or both (hybrid)"
    )
    latency_requirement_ms: _Positive | None = Field(None, description="What one task may take, 95th percentile, in ms")
    memory_budget_mb: _Positive | None = Field(None, description="Memory for the whole process tree, in MB")
    cpu_cores: _Count | None = Field(None, description="CPU cores the work may use (default: usable here)")
    has_expensive_startup: bool = Field(False, description="A worker needs costly set-up, such as a model or a cache")

    name: Annotated[str, Field(max_length=200)] | None = Field(None, description="A name for the workload")
    description: Annotated[str, Field(max_length=4000)] | None = Field(None, description="What it does, in words")
    mode: Annotated[Literal["batch", "service"], _Id] = Field(
        "batch", description="A finite set of tasks (batch) or a stream of arrivals (service)"
    )
    tasks: _Count | None = Field(None, description="Independent units of work in one run")
    concurrency: _Count | None = Field(None, description="Operations in flight at once")
    cpu_ms_per_task: _Amount | None = Field(None, description="CPU time of one task, in ms")
    io_wait_ms_per_task: _Amount | None = Field(None, description="Time one task waits for I/O, in ms")
    payload_kb_per_task: _Amount | None = Field(
        None, description="Data that goes to a worker and comes back for one task, in KB each way"
    )
    task_memory_mb: _Amount | None = Field(None, description="Working set of one task, in MB")
    startup_ms: _Amount | None = Field(None, description="Time of the costly set-up, once a worker, in ms")
    startup_memory_mb: _Amount | None = Field(None, description="Memory of the costly set-up, once a worker, in MB")
    parallelizable: bool = Field(True, description="The tasks do not depend on each other")
    shared_state: Annotated[Literal["none", "read_only", "disjoint_writes", "hot_writes"], _Id] | None = Field(
        None, description="What the workers share"
    )
    isolation: Annotated[Literal["none", "crash", "security"], _Id] | None = Field(
        None, description="What one worker's failure must not touch"
    )
    releases_gil: bool | None = Field(None, description="The hot code is native and releases the GIL")
    native_parallel: bool | None = Field(None, description="The library already uses every core (BLAS, Polars, ...)")
    event_loop: bool | None = Field(None, description="The work is called from a running asyncio application")
    async_library: bool | None = Field(None, description="An async client library exists for the I/O")
    picklable: bool | None = Field(None, description="Functions, arguments and results can be pickled")
    free_threading_ready: bool | None = Field(None, description="All dependencies support free-threaded Python")
    subinterpreter_ready: bool | None = Field(None, description="All dependencies support subinterpreters")
    interpreters: (
        Annotated[tuple[InterpreterTag, ...], BeforeValidator(_interpreter_list), Field(min_length=1, max_length=50)]
        | None
    ) = Field(None, description="Python versions that may be used, such as 3.13 or 3.14t (free-threaded)")
    platform: Annotated[Literal["linux", "macos", "windows"], _Id] | None = Field(
        None, description="Where it runs (default: this host)"
    )
    notebook: bool | None = Field(None, description="The code lives in a notebook or a REPL")
    machines: _Count = Field(1, description="Machines the work must be spread over")
    durable: bool = Field(False, description="Work must survive a restart and be retried")
    gpu: bool | None = Field(None, description="The work runs on a GPU")
    current_approach: Annotated[ApproachId, _Id] | None = Field(None, description="Where the code is today")

    @model_validator(mode="before")
    @classmethod
    def _null_means_unknown(cls, data: Any) -> Any:
        """A `null` is the same as leaving the field out, for every field; an unknown field stays an error."""
        if isinstance(data, Mapping):
            return {k: v for k, v in data.items() if v is not None or k not in cls.model_fields}
        return data

    @property
    def origin(self) -> ApproachId:
        """Where the code is now: single-threaded unless it says otherwise."""
        return self.current_approach or "single_threaded"

    def given(self) -> dict[str, Any]:
        """The fields that say something: those set to other than their default, in the order of the model."""
        return self.model_dump(mode="json", exclude_defaults=True)


def profile_from_mapping(data: object, source: str = "profile") -> WorkloadProfile:
    """A profile from decoded JSON; raises SelectorError naming every field that is wrong and what is accepted."""
    if not isinstance(data, Mapping):
        raise SelectorError(
            f"{source}: a workload is a JSON object, not {_kind(data)}", 'for example: {"workload_type": "io"}'
        )
    try:
        return WorkloadProfile.model_validate(data)
    except ValidationError as error:
        lines = [_sentence(e) for e in error.errors(include_url=False)[:8]]
        raise SelectorError(
            "\n".join(f"{source}: {line}" for line in lines), "fields: see `recommend --help`"
        ) from None


def profile_from_json(text: str | bytes, source: str = "profile") -> WorkloadProfile:
    """A profile from JSON text (UTF-8); raises SelectorError for anything that is not exactly one workload."""
    return profile_from_mapping(decode_json(text, source), source)


def decode_json(text: str | bytes, source: str) -> object:
    """Strict JSON: UTF-8, no duplicate keys, bounded size and depth; else SelectorError.

    NaN, Infinity and numbers of a thousand digits pass, because the field that holds one refuses it by its name.
    """
    if len(text) > MAX_PROFILE_BYTES:
        raise SelectorError(f"{source}: larger than {MAX_PROFILE_BYTES:,} bytes", "a workload is a few hundred bytes")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        raise SelectorError(f"{source}: not UTF-8 text (byte {error.start})", "save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SelectorError(
            f"{source}: not valid JSON at {where}: {error.msg}", "check the text at that place"
        ) from None
    except RecursionError:
        raise SelectorError(f"{source}: JSON nested too deeply", "a workload is a flat object") from None
    except ValueError as error:
        raise SelectorError(f"{source}: {error}", "keep one of them") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {quoted(key)} appears twice")
            seen.add(key)
    return result


def _whole_number(digits: str) -> int:
    """A whole number; of one that is far too long only the beginning, which no field accepts either."""
    return int(digits[:400])


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_int=_whole_number)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def _sentence(error: Any) -> str:
    """One pydantic error as: field, value, what is accepted."""
    if not error["loc"]:  # a key that holds half a surrogate pair, for which pydantic has no place
        return f"unknown field {quoted(error['input'])}"
    field = str(error["loc"][0])
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"unknown field {quoted(field)}{suggestion(field, list(WorkloadProfile.model_fields))}"
    if kind == "missing":
        return f"{field} is missing: {accepted(field)}"
    more = of_text(field, error["input"]) if isinstance(error["input"], str) else ""
    return f"{field} is {quoted(error['input'])}: expected {accepted(field)}{more}"


def of_text(field: str, text: str) -> str:
    """What to say of a text that a field does not take: the word that may be meant, or how an amount is written."""
    kind = field_kind(field) if field in WorkloadProfile.model_fields else FieldKind("text")
    if kind.kind not in ("count", "number"):
        return suggestion(text, kind.choices)
    from selector.units import amount

    try:
        return f" (write {amount(field, text):.15g}, without quotes)"
    except ValueError as why:
        return f" ({why})"


class FieldKind(NamedTuple):
    """What a field takes: `choice` (of `choices`), `flag`, `count`, `number`, `text` or `versions`."""

    kind: Literal["choice", "flag", "count", "number", "text", "versions"]
    choices: tuple[str, ...] = ()
    above_zero: bool = False


def field_kind(field: str) -> FieldKind:
    """The kind of a field, from its annotation in the model."""
    if field == "interpreters":
        return FieldKind("versions")
    annotation = WorkloadProfile.model_fields[field].annotation
    base = _without_none(annotation)
    if get_origin(base) is Literal:
        return FieldKind("choice", get_args(base))
    kinds: dict[Any, Literal["flag", "count", "text"]] = {bool: "flag", int: "count", str: "text"}
    if base in kinds:
        return FieldKind(kinds[base])
    return FieldKind("number", above_zero=annotation == (_Positive | None))


def _without_none(annotation: Any) -> Any:
    """The type inside `Annotated[...]` and `... | None`."""
    if hasattr(annotation, "__metadata__"):
        return _without_none(annotation.__origin__)
    if get_origin(annotation) in (Union, UnionType):
        return _without_none(next(part for part in get_args(annotation) if part is not NoneType))
    return annotation


def accepted(field: str) -> str:
    """What a field accepts, in words: `one of cpu, io, hybrid`, `a whole number from 1`, ..."""
    if field not in WorkloadProfile.model_fields:
        return "a field of the profile"
    kind = field_kind(field)
    match kind.kind:
        case "choice":
            return f"one of {', '.join(kind.choices)}"
        case "flag":
            return "true or false"
        case "count":
            return "a whole number from 1 to 10^12"
        case "text":
            return f"text of at most {200 if field == 'name' else 4000} characters"
        case "versions":
            return 'a list of versions such as ["3.13", "3.14t"]'
    return f"a number {'over' if kind.above_zero else 'from'} 0 to 10^12"


# Numbers to JSON as it is read here; no field takes them.
_NOT_FINITE = {sign + word for sign in ("", "+", "-") for word in ("nan", "inf", "infinity")}
_YES_NO = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


def value_from_text(field: str, text: str) -> object:
    """What somebody typed for a field, as JSON would have it; text that does not fit is handed on to be refused.

    Empty text and `null` mean unknown; flags take y/n, yes/no, true/false; versions are separated by commas; numbers
    may have a unit (`selector.units`).
    """
    text = text.strip()
    if text in ("", "null"):
        return None
    kind = field_kind(field).kind if field in WorkloadProfile.model_fields else "text"
    if kind == "flag":
        return _YES_NO.get(text.casefold(), text)
    if kind == "versions":
        return [part.strip() for part in text.strip("[]").replace('"', "").split(",")]
    if kind in ("count", "number"):
        from selector.units import amount  # its pattern takes time to compile, and most starts need none

        try:
            number = amount(field, text)
        except ValueError:
            return float(text) if text.casefold() in _NOT_FINITE else text
        if kind == "number":
            return float(number)
        return int(number) if isinstance(number, float) and number.is_integer() else number
    return text
