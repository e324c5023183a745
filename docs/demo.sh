#!/usr/bin/env bash
# Makes a new demo.png: runs the demo, records its output, and lets Chromium draw it.
# Run it in the root of the repository, with Figway's environment active and Chromium and DejaVu fonts installed.
set -euo pipefail
page=$(mktemp -d)
python - "$page/demo.html" <<'PY'
import io
import re
import sys
from pathlib import Path

from rich.console import Console

from gateway.demo.run import run

console = Console(record=True, width=100, force_terminal=True, force_interactive=False, file=io.StringIO())
assert run(console, Path("routes.yaml"), 1000, 1, keep=False)
drawing = re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="make demo"), flags=re.DOTALL)
Path(sys.argv[1]).write_text(f"<body style='margin:0'>{drawing.replace('Fira Code', 'DejaVu Sans Mono')}")
PY
read -r width height < <(sed -nE '0,/viewBox/s/.*viewBox="0 0 ([0-9]+)[.0-9]* ([0-9]+).*/\1 \2/p' "$page/demo.html")
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$page/profile" --hide-scrollbars \
    --window-size="$width,$height" --screenshot=docs/demo.png "file://$page/demo.html"
rm -r "$page"
