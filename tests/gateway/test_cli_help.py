"""`--help` of every command is quick: it imports click and the command's own options, and nothing that the command
needs to run. And it fits a terminal of 80 columns."""

import subprocess
import sys

import click
import pytest

from gateway.cli.main import COMMANDS, SHADOW, main

EVERY = [[name] for name in COMMANDS] + [["shadow", name] for name in SHADOW]

SHOW = """
import sys
before = set(sys.modules)
from gateway.cli.main import main
try:
    main([*sys.argv[1:], "--help"])
except SystemExit as ended:
    assert ended.code == 0
print("imported:", *sorted(set(sys.modules) - before))
"""
# What a command may import for its help, beside click and the standard library.
HEAVY = ("gateway.cli.verbs", "gateway.cli.sources", "gateway.cli.proposing")
OWN = ("gateway", "gateway.build", "gateway.cli")


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_imports_no_more_than_the_options_need_and_fits_80_columns(words):
    done = subprocess.run([sys.executable, "-c", SHOW, *words], capture_output=True, text=True, check=True,
                          env={"COLUMNS": "80", "LANG": "C.UTF-8"})
    text, _, imported = done.stdout.rpartition("imported:")
    assert " ".join(words) in text.splitlines()[0]
    assert max(map(len, text.splitlines())) <= 80
    own = [one for one in imported.split() if one.startswith("gateway")]
    assert [one for one in own if one not in OWN and not one.startswith("gateway.cli.")] == []
    assert not [one for one in own if one.startswith(HEAVY)]
    foreign = {one.partition(".")[0] for one in imported.split()} - {"gateway", "click"} - set(sys.stdlib_module_names)
    assert foreign == set()


def test_every_command_is_there():
    shadow = main.get_command(click.Context(main), "shadow")
    assert [*main.list_commands(click.Context(main))] == [*COMMANDS]
    assert [*shadow.list_commands(click.Context(shadow))] == [*SHADOW]
