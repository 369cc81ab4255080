"""What was found on this machine, as a document."""

from __future__ import annotations

from selector.host import Host, Interpreter
from selector.report.blocks import Block, Bullets, Document, Fields, Paragraph, Section, bullets
from selector.text import measured_memory


def host_document(host: Host) -> Document:
    """What was found on this machine."""
    cpus, ram = host.cpus, host.memory
    quota = f", quota {cpus.quota:g} from {cpus.quota_from}" if cpus.quota is not None else ", no quota"
    limit = f", limit {_ram(ram.limit_mb)}" if ram.limit_mb is not None else ", no limit"
    machine = Fields(
        (
            ("Platform", f"{host.platform} ({host.system})"),
            ("CPU", host.cpu_model or "unknown"),
            ("Usable CPUs", f"{cpus.count} (logical {cpus.logical}, affinity {cpus.affinity}{quota})"),
            ("Memory", f"{_ram(ram.usable_mb)} usable (total {_ram(ram.total_mb)}{limit})"),
            (
                "Start methods",
                f"{', '.join(host.start_methods)}; default of Python {host.python}: {host.default_start_method}",
            ),
        )
    )
    found = tuple((_interpreter_line(i), (i.path,)) for i in host.interpreters)
    interpreters: list[Block] = [Bullets(found)]
    if host.interpreter_problems:
        interpreters += [Paragraph("Left out:"), bullets(*host.interpreter_problems)]
    return Document((Section("This host", (machine,)), Section("Python interpreters", tuple(interpreters))))


def _ram(megabytes: int | None) -> str:
    return "unknown" if megabytes is None else measured_memory(megabytes)


def _interpreter_line(found: Interpreter) -> str:
    build = "free-threaded build" if found.free_threaded else "standard build"
    gil = "on" if found.gil_enabled else "off"
    return f"{found.tag}: {found.implementation} {found.version}, {build}, GIL {gil} ({found.found_in})"
