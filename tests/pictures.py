"""The pictures of the first page, made from what docs/recorded holds of a session: a terminal, and the report as a page."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import subprocess
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

from pages import ROOT, blocks_of
from rich.console import Console
from rich.text import Text

from selector.measure.models import MeasureReport
from selector.report.blocks import Block, Document, Fields, Section, Table
from selector.report.html import render_html
from selector.report.measure import measure_document
from selector.report.pages import validation_page
from selector.report.saved import page_title
from selector.report.terminal import print_document
from selector.report.validation import validation_document
from selector.validation import ValidationReport

RECORDED = ROOT / "docs" / "recorded"
MEASURED, PROVED = "measured.json", "results.json"
SESSION, PAGE, PICTURE = (ROOT / "docs" / name for name in ("session.svg", "report.html", "report.png"))
COLUMNS = 80
#: The sections that the session shows; of what was found these fields.
SHOWN = ("What was found", "Summary", "Verdict", "Measurements")
FIELDS = ("workload_type", "cpu_ms_per_task", "gil_share", "picklable", "free_threading_ready")
LEFT_OUT = "[...]"
_SIZE = "920,720"
_SIGNATURE_AND_HEADER = 8 + 25
_DIGEST = b"tEXtpage\0"


# The session ----------------------------------------------------------------------------------------------------------


def session_commands() -> list[str]:
    """`measure` and `validate`, as the first page says them."""
    (block,) = (b for b in blocks_of(ROOT / "README.md") if b.language == "bash" and " measure " in b.text)
    return block.text.splitlines()[:2]


def measured() -> MeasureReport:
    return MeasureReport.model_validate_json((RECORDED / MEASURED).read_text("utf-8"))


def proved() -> ValidationReport:
    return ValidationReport.model_validate_json((RECORDED / PROVED).read_text("utf-8"))


def session(*, color: bool) -> str:
    """What both commands print, with their colours or without, shortened."""
    measure, validate = session_commands()
    prove = validate.partition(" --budget")[0]
    documents = (measure_document(measured(), prove, whole=False), validation_document(proved()))
    shown = [
        f"$ {command}\n{excerpt(document, color=color)}"
        for command, document in zip((measure, validate), documents, strict=True)
    ]
    return "\n".join(shown)


def excerpt(document: Document, *, color: bool) -> str:
    """A document as a terminal shows it: the fields and tables of the sections in SHOWN, and where something is left out."""
    lines: list[str] = []
    for section in document.sections:
        kept = tuple(map(shortened, section.blocks)) if section.title in SHOWN else ()
        shown = tuple(block for block in kept if isinstance(block, Fields | Table))
        if shown:
            told = printed(Document((Section(section.title, shown),)), color=color).rstrip("\n")
            lines += [*([""] if lines else []), *told.split("\n")]
        if shown != section.blocks and lines[-1:] != [LEFT_OUT]:
            lines.append(LEFT_OUT)
    return "\n".join(lines) + "\n"


def shortened(block: Block) -> Block:
    """The table of what was found with the rows of FIELDS alone."""
    if isinstance(block, Table) and block.header[0] == "field":
        return replace(block, rows=tuple(row for row in block.rows if row[0] in FIELDS))
    return block


def printed(document: Document, *, color: bool) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream, width=COLUMNS, force_terminal=color, color_system="standard" if color else None, highlight=False,
        markup=False, emoji=False,
    )  # fmt: skip
    print_document(document, console)
    return stream.getvalue()


def drawn(text: str, title: str) -> str:
    """A terminal with that text (with its colours), as an SVG that loads nothing."""
    recorder = Console(record=True, file=io.StringIO(), width=COLUMNS)
    recorder.print(Text.from_ansi(text))
    svg = recorder.export_svg(title=title, unique_id="session")
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # fonts from the network
    return svg.replace("Fira Code, monospace", "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace")


# The report -----------------------------------------------------------------------------------------------------------


def report_page() -> str:
    """What `validate --save` leaves as `report.html`, but for where the answer would change: that is of today's tables."""
    report = proved()
    page = validation_page(report, measured().recommendation)
    return render_html(page, page_title(report.profile.name), report.model_dump_json(indent=2))


def photographed(page: Path) -> bytes:
    """The top of a page as Chromium shows it: a PNG that says of which page it is."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "page.png"
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={_SIZE}"]
        command = ["chromium", *options, f"--user-data-dir={folder}/profile", f"--screenshot={picture}", page.as_uri()]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        png = picture.read_bytes()
    chunk = _DIGEST + digest(page).encode()
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:_SIGNATURE_AND_HEADER] + framed + png[_SIGNATURE_AND_HEADER:]


def digest(page: Path) -> str:
    return hashlib.sha256(page.read_bytes()).hexdigest()


def page_of(picture: Path) -> str:
    """The digest of the page that a picture is of."""
    return picture.read_bytes().partition(_DIGEST)[2][:64].decode()
