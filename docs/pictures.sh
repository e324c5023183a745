#!/usr/bin/env bash
# Makes the README's pictures anew, from a real run of the demo: its output, `figway status` and `figway gate` in a terminal
# of 80 columns; the list of reports and a report as pages, wide and on 400 pixels. Look at each before you commit it.
# Run it in the root of the repository, with Figway's environment active and Chromium and DejaVu fonts installed.
set -euo pipefail
made=$(mktemp -d)
trap 'rm -r "$made"' EXIT

# draw PAGE PICTURE WIDTH HEIGHT
draw() {
    chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$made/profile" --hide-scrollbars \
        --window-size="$3,$4" --screenshot="docs/$2.png" "file://$1" 2>"$made/chromium.log"
}

# narrow PAGE PICTURE HEIGHT: 400 pixels are less than Chromium's smallest window, so the page stands in a frame.
narrow() {
    printf '<body style="margin:0"><iframe src="file://%s" style="border:0;width:400px;height:%spx"></iframe>' \
        "$1" "$3" > "$made/frame.html"
    draw "$made/frame.html" "$2" 400 "$3"
}

python - "$made" <<'PY'
"""Draws what commands print in a terminal, each as a page NAME.html; NAME.size has its width and height."""
import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

from gateway.demo.run import run

COLUMNS = 80


def terminal() -> Console:
    return Console(record=True, width=COLUMNS, force_terminal=True, force_interactive=False, file=io.StringIO())


def printed(*command: str) -> Console:
    """A console with what a command prints in a terminal."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(command, stdout=its, env=environment | {"TERM": "xterm-256color"})
    os.close(its)
    whole = b""
    try:
        while part := os.read(ours, 65536):
            whole += part
    except OSError:  # the end of a terminal
        pass
    process.wait()
    console = terminal()
    console.print(Text.from_ansi(whole.decode().replace("\r\n", "\n")))
    return console


def draw(console: Console, name: str, title: str) -> None:
    drawing = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title=title), flags=re.DOTALL)
    drawing = drawing.replace(str(Path.cwd()), "/srv/figway")
    width, height = re.search(r'viewBox="0 0 ([0-9]+)[.0-9]* ([0-9]+)', drawing).groups()
    folder = Path(sys.argv[1])
    (folder / f"{name}.html").write_text(
        f"<body style='margin:0'>{drawing.replace('Fira Code', 'DejaVu Sans Mono')}")
    (folder / f"{name}.size").write_text(f"{width} {height}\n")


demo = terminal()
assert run(demo, Path("routes.yaml"), 1000, 1, keep=False)
draw(demo, "demo", "make demo")
draw(printed("figway", "status"), "status", "figway status")
draw(printed("figway", "gate", "patients"), "gate", "figway gate patients")
PY

for name in demo status gate; do
    read -r width height < "$made/$name.size"
    draw "$made/$name.html" "$name" "$width" "$height"
done
pages=$PWD/out/report
draw "$pages/results.html" report 1200 1750
draw "$pages/index.html" index 1200 440
narrow "$pages/results.html" report-narrow 1500
narrow "$pages/index.html" index-narrow 1500
