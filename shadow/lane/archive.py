"""The archive: the files of the shadow (store, custody, vault, marks). A thread of its own opens them.

A file that cannot be opened is tried again, less and less often. Nothing waits for it: a file that is damaged, locked,
on a full disk or of a newer version delays neither the start nor a request.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from shadow.custody.base import Custody, CustodyError
from shadow.sealed.base import Vault, VaultError
from shadow.stores.base import Store, StoreError, number_of
from shadow.stores.marks import Numbers, Seat
from shadow.words import worded

STORE, CUSTODY, SEALED, MARKS = "store", "custody", "sealed", "marks"
"""The files, as `Archive.faults` names them."""

OPENING = "it is just being opened"
"""The fault of a file for as long as the first try to open it goes on."""

_SOON, _LATE = 0.5, 5.0
"""Seconds until the next try: the first, doubled each time, up to the second."""

T = TypeVar("T", Store, Custody, Vault, Seat)


class Archive:
    """One worker's files. `store`, `custody`, `vault` and `seat` are None until they are open. `faults` says why they
    are not, by STORE, CUSTODY, SEALED and MARKS. The thread sets each to a new value, and changes none in place."""

    def __init__(
        self, store: Callable[[], Store], custody: Callable[[], Custody], vault: Callable[[Custody], Vault] | None,
        seat: Callable[[Numbers], Seat] | None,
    ) -> None:
        """Each function opens one file. It may block and raise anything. None means that there is no such file."""
        self.store: Store | None = None
        self.custody: Custody | None = None
        self.vault: Vault | None = None
        self.seat: Seat | None = None
        wanted = {STORE: store, CUSTODY: custody, SEALED: vault, MARKS: seat}
        self.faults = {what: OPENING for what, make in wanted.items() if make is not None}
        self._make_store, self._make_custody, self._make_vault, self._make_seat = store, custody, vault, seat
        self._over = threading.Event()

    def open(self, changed: Callable[[], None]) -> asyncio.Event:
        """Begin to open the files. The running event loop calls `changed` after each try. The event that is returned is
        set after the first try."""
        loop, tried = asyncio.get_running_loop(), asyncio.Event()

        def tried_once() -> None:
            if not self._over.is_set():
                changed()
            tried.set()

        def run() -> None:
            pause = _SOON
            while not self._over.is_set():
                self._try()
                with suppress(RuntimeError):  # the loop is over
                    loop.call_soon_threadsafe(tried_once)
                if not self.faults:
                    return
                self._over.wait(pause)
                pause = min(2 * pause, _LATE)

        # A daemon, so that a locked file does not hold up the end of the process.
        threading.Thread(target=run, name="figway-archive", daemon=True).start()
        return tried

    def _try(self) -> None:
        faults: dict[str, str] = {}

        def made(what: str, ours: type[Exception], known: T | None, make: Callable[[], T]) -> T | None:
            if known is not None:
                return known
            try:
                one = make()
            except Exception as error:
                faults[what] = error.strerror or "it fails" if isinstance(error, OSError) else worded(error, ours)
                return None
            if self._over.is_set():
                _give_back(one)
                return None
            return one

        self.store = made(STORE, StoreError, self.store, self._make_store)
        self.custody = custody = made(CUSTODY, CustodyError, self.custody, self._make_custody)
        make_vault = self._make_vault
        if make_vault is not None and custody is not None:
            self.vault = made(SEALED, VaultError, self.vault, lambda: make_vault(custody))
        make_seat = self._make_seat
        if make_seat is not None:
            self.seat = made(MARKS, OSError, self.seat, lambda: make_seat(partial(number_of, self.store)))
        self.faults = faults

    def close(self) -> None:
        """Close the files, except the marks: the writer that adopted them gives them back. It may block."""
        self._over.set()
        for one in (self.store, self.vault, self.custody):
            if one is not None:
                _give_back(one)


def _give_back(one: Store | Custody | Vault | Seat) -> None:
    # Everything is written by then, so a failure to close the file changes nothing.
    with suppress(Exception):
        one.close()
