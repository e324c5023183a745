"""Several workers: uvicorn's supervisor starts them as copies of its own process, and replaces those that die."""

import contextlib
import gc
import os
import signal
import socket
import time
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Protocol, cast

import uvicorn
import uvicorn.lifespan.on  # Workers need this one and the next: what is imported here, they share.
import uvicorn.loops.uvloop
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from gateway import hangup
from gateway.edges.http1.spread import Spread, shared_counts
from gateway.forked import Forked
from gateway.heap import give_back
from gateway.stdio import to_stderr
from gateway.worker import Shared, Worker

# Seconds in which a worker must have started to answer its supervisor.
_START = 60.0
# Seconds between two tries to start a worker that fails to start.
_PAUSE = 1.0


class Closable(Protocol):
    """What can be closed: a socket, an end of a pipe."""

    def close(self) -> None:
        """Close it. It may be closed already."""
        ...


class _WorkerProcess(Process):
    """uvicorn's worker process, running our Worker in a copy of this process."""

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], shared: Shared, spread: Spread,
        others: Sequence[Closable], door: socket.socket | None,
    ) -> None:
        """`others` is what the worker closes of what it inherits, `door` the socket for commands. uvicorn would start a
        fresh interpreter, so this does without its constructor."""
        self.config = config
        self.parent_conn, self.child_conn = Pipe()
        self.process = cast(SpawnProcess, Forked(self._serve))
        self._server: uvicorn.Server | None = None
        self._sockets = sockets
        self._shared = shared
        self._spread = spread
        self._others = (*others, self.parent_conn)
        self._door = door
        self._patient_until = time.monotonic() + _START
        self._asked = self.has_answered = False

    def _serve(self) -> None:
        # If a worker kept the pipes of others, nobody would notice that one of their ends is gone.
        for one in self._others:
            one.close()
        gc.enable()
        # Made before the thread that answers the supervisor starts, which would make another one.
        self._server = Worker(self.config, self._shared, spread=self._spread, door=self._door)
        self.target(self._sockets)

    def always_pong(self) -> None:
        """Answer the supervisor for as long as there is one. The worker goes on without it."""
        with contextlib.suppress(OSError, EOFError):
            super().always_pong()

    def is_alive(self, timeout: float = 5) -> bool:
        """Whether it answers within `timeout` seconds. Until its first answer it has _START seconds, and this does not
        wait: on a busy machine its start alone may take many seconds."""
        if self.has_answered:
            return super().is_alive(timeout)
        if not self.process.is_alive():
            return False
        try:
            if not self._asked:
                self._asked = True
                self.parent_conn.send(b"ping")
            if self.parent_conn.poll(0):
                self.parent_conn.recv()
                self.has_answered = True
        except (OSError, EOFError):
            return False
        return self.has_answered or time.monotonic() < self._patient_until

    def is_ready(self, timeout: float = 5) -> bool:
        """Whether it has started, and answers within `timeout` seconds."""
        return self.has_answered and super().is_ready(timeout)

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = Worker(self.config, self._shared, spread=self._spread, door=self._door)
        return self._server


class Supervisor(Multiprocess):
    """uvicorn's supervisor, with our workers. SIGHUP reloads the configuration and does not replace the processes."""

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], shared: Shared, others: Sequence[Closable] = (),
        door: socket.socket | None = None,
    ) -> None:
        """`others` is what this process has open and its workers do not need. `door` is the socket for commands."""
        self._shared = shared
        self._others = others
        self._door = door
        self._counts = shared_counts(config.workers)
        self._served = False
        self._starting = False
        super().__init__(config, sockets)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        # Do this at once. The workers may get the signal too (systemd sends it to all), and none of them may believe
        # that it ends alone. From now on only the workers hold the port, and it closes with the last of them.
        self.signal_queue.append(number)
        self._shared.stop_all()
        if not self._starting:
            self._let_go()

    def _let_go(self) -> None:
        for sock in self.sockets:
            sock.close()

    def _worker(self, place: int) -> Process | None:
        """Start the worker of this place and return it, or return None if all workers are stopping."""
        self._starting = True
        try:
            if self._shared.all_stop:
                return None
            others = [*self._others, *(process.parent_conn for process in self.processes)]
            process = _WorkerProcess(
                self.config, self.sockets, self._shared, Spread(self._counts, place), others, self._door)
            # The garbage collector would write to the memory that workers share, wherever it looks.
            gc.disable()
            gc.collect()
            give_back()
            gc.freeze()
            with hangup.held():
                # A worker inherits this mask, and unblocks the signal once it has installed its handler.
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
                try:
                    process.start()
                except OSError:
                    process.parent_conn.close()
                    raise
                finally:
                    # From now on only the worker holds this end, so that its death is noticed at once.
                    process.child_conn.close()
            return process
        finally:
            self._starting = False
            if self._shared.all_stop:
                self._let_go()

    def run(self) -> None:
        """Serve until a signal ends it. If anything else ends it, end the workers too."""
        try:
            super().run()
        except BaseException:
            self.terminate_all()
            self.join_all()
            raise

    def terminate_all(self) -> None:
        self._shared.stop_all()
        self._let_go()
        super().terminate_all()

    def init_processes(self) -> None:
        for place in range(self.processes_num):
            process = self._worker(place)
            if process is not None:
                self.processes.append(process)
        hangup.release()

    def keep_subprocess_alive(self) -> None:
        # Like uvicorn's own method, which would start workers of its own class.
        for index, process in enumerate(self.processes):
            if self._shared.all_stop:
                return
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE and not self._served:
                self.should_exit.set()
                return
            # A worker that cannot start now (a bad file, a full disk) may start later, and the others go on serving.
            self.should_exit.wait(_PAUSE if process.exitcode == STARTUP_FAILURE else 0)
            try:
                self.processes[index] = self._worker(index) or process
            except OSError as error:
                # The system has no process, memory or descriptor left for it. It may have later.
                to_stderr(f"figway: a worker cannot be replaced yet: {os.strerror(error.errno or 0)}")
                self.should_exit.wait(_PAUSE)
        self._served = self._served or all(process.is_ready() for process in self.processes)

    def handle_ttin(self) -> None:
        """The number of workers is fixed."""

    def handle_ttou(self) -> None:
        """The number of workers is fixed."""

    def handle_hup(self) -> None:
        for process in self.processes:
            # The number of a worker that has ended may belong to another process by now.
            if process.exitcode is None and process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)
