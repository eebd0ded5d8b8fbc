"""Adds up what the test programs wrote (JUnit XML of GoogleTest and pytest) and prints one line.

Counts are of test cases, not of programs. What ended before it could write its file is not counted
and not guessed: the exit status of `make test` tells that something failed, not this.
"""

import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def add_up(folder: Path) -> dict[str, list[int]]:
    """Suite name (unit, contract, e2e) -> [run, failed, skipped]."""
    totals: dict[str, list[int]] = {}
    for path in sorted(folder.rglob("*.xml")):
        name = path.relative_to(folder).parts[0].removesuffix(".xml")
        total = totals.setdefault(name, [0, 0, 0])
        try:
            root = xml.parse(path).getroot()
        except xml.ParseError:
            continue
        for case in root.iter("testcase"):
            tags = {child.tag for child in case}
            total[0] += 1
            total[1] += bool(tags & {"failure", "error"})
            total[2] += "skipped" in tags or case.get("status") == "notrun"
    return totals


def main() -> None:
    parts = []
    for name, (run, failed, skipped) in add_up(Path(sys.argv[1])).items():
        text = f"{name} {run - failed - skipped} passed"
        text += f", {failed} failed" if failed else ""
        text += f", {skipped} skipped" if skipped else ""
        parts.append(text)
    log = Path(sys.argv[2]).read_text(errors="replace")
    if seeds := re.findall(r"(\d+) (?:seeds|schedules)\b", log):
        parts.append(f"simulation {seeds[-1]} seeds")
    print("; ".join(parts) or "no test wrote a result")


main()
