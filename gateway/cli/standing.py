"""The stages in force, for commands that ask no gateway: from the control file, else from its copy."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.config.compile import Configuration
from gateway.flips import copy
from gateway.flips.base import Position, State
from gateway.flips.fitting import in_table, written
from gateway.flips.opening import provisional
from gateway.flips.sqlite import SqliteStages


def state(built: Configuration) -> State:
    """What is in force beside the file; an empty state where no gateway has made the control file. Raises
    OutOfReach."""
    path = built.control.path
    known = None
    if path is not None and path.is_file():
        stages = SqliteStages(path)
        try:
            known = stages.read()
        finally:
            stages.close()
    elif path is not None:
        # Reading must not make a file where there is none.
        known = copy.read(copy.beside(path))
    return known if known is not None else State("", 0, {})


def at_stages(built: Configuration, stages: Mapping[str, Position]) -> Configuration:
    """A configuration with other stages, by capability."""
    return replace(built, table=built.table.with_stages(stages))


def in_force(built: Configuration, known: State) -> Configuration:
    """A configuration with the stages that it would have if its file were put in force now."""
    capabilities = built.table.capabilities
    return at_stages(built, in_table(capabilities, provisional(known, written(capabilities))))
