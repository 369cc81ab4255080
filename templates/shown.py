"""Events as they happen, or a table at the end."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any, TextIO

from processes import _told


class _Events:
    """One JSON object a line."""

    def event(self, **fields: Any) -> None:
        """Print it at once, whole."""
        _say(json.dumps(_plain(fields)), sys.stdout)


def _plain(value: Any) -> Any:
    """What every reader of JSON takes: no infinite numbers, and no half characters."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


_unsaid: list[str] = []  # why standard output could not be written


def _say(text: str, stream: TextIO | None) -> None:
    """Print a line. If nobody reads any more, or the results cannot be written, that is a reason to stop."""
    if stream is None:  # closed by whoever started us
        return
    try:
        print(text, file=stream, flush=True)
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            _told.append(0)
        elif stream is sys.stdout:
            _told.append(0)
            _unsaid.append(f"error: the results cannot be written to standard output: {error.strerror}")
            _say(_unsaid[0], sys.stderr)


class _Table:
    """A line for each first measurement as it comes, and a table at the end."""

    legend = "Speedup is against single-threaded code on the first Python. CPU: 100 % is one CPU."

    def __init__(self, name: str) -> None:
        self.name = name
        self.cells: dict[int, list[dict[str, Any]]] = {}
        self.lines: list[str] = []
        self.left_out: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # whatever it cannot show is no reason to fail
                stream.reconfigure(errors="backslashreplace")

    def event(self, **fields: Any) -> None:
        """Take note; what is worth a line is told on standard error."""
        match fields["event"]:
            case "interpreter":
                gil = "GIL on" if fields["gil_enabled"] else "GIL off"
                told = f"Python {fields['version']}, {gil}" if fields["status"] == "ok" else fields["reason"]
                self._tell(f"{fields['path']}: {told}")
            case "plan":
                self._tell(
                    f"{fields['tasks']} tasks{'' if 'left_out' in fields else ' in each measurement'}; measured in random order"
                )
                self.left_out, self.variables = fields.get("left_out", {}), fields.get("variables", {})
            case "cell":
                self.cells.setdefault(fields["arm"], []).append(fields)
                if len(self.cells[fields["arm"]]) == 1:
                    told = f"{fields['seconds']:.3f} s" if fields["status"] == "ok" else fields["status"]
                    self._tell(f"  {_label(fields)}: {told}")
            case "end":
                self._print(fields)

    def _tell(self, line: str) -> None:
        _say(_printable(line), sys.stderr)

    def _print(self, end: dict[str, Any]) -> None:
        self.lines = ["", _printable(self.name)]
        for variant in dict.fromkeys(cells[0]["variant"] for cells in self.cells.values()):
            rows = [cells for cells in self.cells.values() if cells[0]["variant"] == variant]
            if variant:
                self.lines += ["", variant]
            self._print_rows(rows)
        spent = f"{end['seconds']:.0f} s"
        if end["reason"] in ("interrupted", "failed"):
            spent += f", {end['reason']}" + f": {_printable(end['detail'])}" * bool(end["detail"])
        if self.cells:
            self.lines += ["", self.legend]
        if any(cell.get("no_cpu_percent") is not None for cells in self.cells.values() for cell in cells):
            self.lines.append("no CPU: the share of its time that a worker was ready to run and got no CPU.")
        if first := next((said for cells in self.cells.values() for c in cells if (said := c.get("raised_first"))), ""):
            self.lines.append(f"raised %: of its calls, such as {_printable(first)}")
        if self.variables:
            named = " ".join(f"{name}={value}" for name, value in self.variables.items())
            self.lines.append(f"The function uses threads of its own: all but native_parallel ran with {named}.")
        for why in dict.fromkeys(self.left_out.values()):
            names = ", ".join(name for name, given in self.left_out.items() if given == why)
            self.lines.append(f"Not measured: {names}. {_printable(why)}")
        _say("\n".join([*self.lines, f"Measured for {spent}."]), sys.stdout)

    def _print_rows(self, rows: list[list[dict[str, Any]]]) -> None:
        import statistics

        every = [cell for cells in rows for cell in cells]
        delays = any(cell.get("no_cpu_percent") is not None for cell in every)
        raised = any(cell.get("raised") for cell in every)
        self.lines.append(
            f"{'approach':<23}{'Python':>7}{'workers':>8}{'seconds':>10}{'speedup':>9}{'CPU %':>7}{'MB':>8}{'p95 ms':>9}"
            + f"{'no CPU %':>10}" * delays
            + f"{'raised %':>10}" * raised
        )
        base = [
            c["seconds"]
            for cells in rows
            for c in cells
            if c["role"] in ("baseline", "control") and c["status"] == "ok"
        ]
        for cells in rows:
            good = [cell for cell in cells if cell["status"] == "ok"]
            name = cells[0]["approach"] + ", again" * (cells[0]["role"] == "control")
            head = f"{name:<23}{cells[0]['interpreter']:>7}{cells[0]['workers']:>8}"
            if not good:
                self.lines.append(f"{head}  {cells[-1]['status']}: {_printable(cells[-1]['reason'])}")
                continue
            seconds = statistics.median([cell["seconds"] for cell in good])
            speedup = f"{statistics.median(base) / seconds:.2f}x" if base else "-"
            cpu = statistics.median([cell["cpu_percent"] or 0.0 for cell in good])
            memory = max(cell["peak_memory_mb"] or 0.0 for cell in good)
            latency = statistics.median([cell["task_latency_ms"]["p95"] for cell in good])
            line = f"{head}{seconds:>10.4f}{speedup:>9}{cpu:>7.0f}{memory:>8.1f}{latency:>9.2f}"
            waited = [cell["no_cpu_percent"] for cell in good if cell.get("no_cpu_percent") is not None]
            line += (f"{statistics.median(waited):>10.0f}" if waited else f"{'-':>10}") * delays
            if raised:
                line += f"{100 * sum(cell['raised'] for cell in good) / sum(cell['batch'] for cell in good):>10.0f}"
            self.lines.append(line)


def _label(cell: dict[str, Any]) -> str:
    several = f" in {cell['processes']} processes" if cell["processes"] > 1 else ""
    each = " each" if several else ""
    workers = f"{cell['workers']} worker{'s' * (cell['workers'] > 1)}{each}"
    return f"{cell['approach']}{several} on {cell['interpreter']}, {workers}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
