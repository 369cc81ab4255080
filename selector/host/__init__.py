"""What this machine has: usable CPUs, memory, start methods and Python interpreters."""

from selector.host.interpreters import (
    Interpreter,
    Survey,
    find_interpreters,
    interpreter_at,
    survey_interpreters,
)
from selector.host.places import environment_python
from selector.host.probe import (
    Host,
    Memory,
    PlatformId,
    StartMethod,
    UsableCpus,
    default_start_method,
    memory,
    platform_id,
    probe_host,
    start_methods,
    usable_cpus,
)

__all__ = [
    "Host",
    "Interpreter",
    "Memory",
    "PlatformId",
    "StartMethod",
    "Survey",
    "UsableCpus",
    "default_start_method",
    "environment_python",
    "find_interpreters",
    "interpreter_at",
    "memory",
    "platform_id",
    "probe_host",
    "start_methods",
    "survey_interpreters",
    "usable_cpus",
]
