#!/usr/bin/env bash
# Makes a new report.png: the page of one capability, from the findings of the last `make demo`, drawn by Chromium.
# Run it in the root of the repository, with Figway's environment active and Chromium and DejaVu fonts installed.
set -euo pipefail
page=$(mktemp -d)
figway report patients -o html > "$page/report.html"
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$page/profile" --hide-scrollbars \
    --window-size=1200,1820 --screenshot=docs/report.png "file://$page/report.html"
rm -r "$page"
