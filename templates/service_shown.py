"""The table of a service: what each approach keeps up with, and what a client waits for then."""

from __future__ import annotations

import statistics
from typing import Any

from shown import _label, _printable, _Table


class _ServiceTable(_Table):
    """A line for each first visit as it comes, and a table at the end."""

    legend = "p95: ms from the planned arrival of a request to its answer, at that part of the rate; - where it falls behind."

    def __init__(self, name: str, rate: float) -> None:
        super().__init__(name)
        self.rate = rate

    def event(self, **fields: Any) -> None:
        """Take note; what is worth a line is told on standard error."""
        if fields["event"] == "plan":
            self._tell(f"{self.rate:g} requests a second, and 0.5, 0.8 and 1.2 of that; measured in random order")
        elif fields["event"] == "cell":
            self.cells.setdefault(fields["arm"], []).append(fields)
            if len(self.cells[fields["arm"]]) == 1:
                told = fields["status"]
                if told == "ok":
                    told = f"up to {fields['service']['saturation_per_s']:.3g} requests a second"
                self._tell(f"  {_label(fields)}: {told}")
        else:
            super().event(**fields)

    def _print_rows(self, rows: list[list[dict[str, Any]]]) -> None:
        parts = (0.5, 0.8, 1.0, 1.2)
        head = "".join(f"{f'p95 at {part:g}':>11}" for part in parts)
        self.lines.append(f"{'approach':<23}{'Python':>7}{'workers':>8}{'most/s':>9}{head}{'MB':>8}")
        for cells in rows:
            good = [cell for cell in cells if cell["status"] == "ok"]
            line = f"{cells[0]['approach']:<23}{cells[0]['interpreter']:>7}{_sizes(cells[0]):>8}"
            if not good:
                self.lines.append(f"{line}  {cells[-1]['status']}: {_printable(cells[-1]['reason'])}")
                continue
            line += f"{statistics.median(cell['service']['saturation_per_s'] for cell in good):>9.4g}"
            for part in parts:
                found = [
                    row["p95_ms"]
                    for cell in good
                    for row in cell["service"]["arrivals_per_s"]
                    if abs(row["rate"] - part * self.rate) < 1e-6 * self.rate and row["kept_up"]
                ]
                line += f"{statistics.median(found):>11.2f}" if found else f"{'-':>11}"
            memory = max(cell["peak_memory_mb"] or 0.0 for cell in good)
            self.lines.append(f"{line}{memory:>8.1f}")


def _sizes(cell: dict[str, Any]) -> str:
    """`16`, or `2 x 16` where two processes have so many workers each."""
    return f"{cell['processes']} x {cell['workers']}" if cell["processes"] > 1 else str(cell["workers"])
