"""A client connection by hand: a Listener with a scripted client before it, and scripted exchanges behind it."""

from types import SimpleNamespace

from adapters.message import Headers
from gateway.edges.http1.edge import Edge
from gateway.edges.http1.listener import Listener
from gateway.edges.http1.phase import MOVES
from gateway.edges.settings import EdgeSettings
from gateway.room import Room
from tests.playbooks.watched import watched

Watched = watched(Listener, MOVES)


class Wire:
    """The transport, in the place of uvloop's. `takes` is whether the client takes what is written."""

    def __init__(self, log):
        self.log = log
        self.closing = False
        self.waiting = 0

    def get_extra_info(self, name):
        return ("192.0.2.7", 40000) if name == "peername" else None

    def set_write_buffer_limits(self, high):
        pass

    def get_write_buffer_size(self):
        return self.waiting

    def is_closing(self):
        return self.closing

    def can_write_eof(self):
        return True

    def write(self, data):
        self.log.append(("writes", data))

    def write_eof(self):
        self.log.append(("ends",))

    def pause_reading(self):
        self.log.append(("stops reading",))

    def resume_reading(self):
        self.log.append(("reads on",))

    def close(self):
        if not self.closing:
            self.closing = True
            self.log.append(("closes",))

    def abort(self):
        self.closing = True
        self.log.append(("cuts",))


class ScriptedExchange:
    """An exchange that writes down what it is called with, and answers when the script says so. The `latest` one is
    kept in the pipeline's place."""

    def __init__(self, pipeline, downstream):
        self.log = pipeline.log
        self.downstream = downstream
        pipeline.latest = self
        self.answers_itself = pipeline.answers_itself

    def begin(self, arrival, body, *, whole):
        self.log.append(("begins", arrival.request.method, arrival.request.target, body, whole))
        self.at_end(whole)

    def request_data(self, data):
        self.log.append(("body", data))

    def request_end(self):
        self.log.append(("body ends",))
        self.at_end(True)

    def at_end(self, whole):
        if whole and self.answers_itself:
            self.answer(200, b"ok")

    def answer(self, status, body):
        self.downstream.send_head(status, b"Said", Headers(), len(body))
        self.downstream.send_data(body)
        self.downstream.send_end(Headers())

    def pause_download(self):
        self.log.append(("waits for the client",))

    def resume_download(self):
        self.log.append(("goes on",))

    def client_gone(self):
        self.log.append(("client gone",))

    def client_broke(self, code):
        self.log.append(("client broke", code))
        return False

    def crashed(self, error):
        raise error


class Client:
    """The script: `sends` and what follows speak for the client, `answers` for the exchange; each returns what the
    listener did about it, as a list of calls."""

    def __init__(self, settings=None, *, answers_itself=False):
        self.log = []
        recorder = SimpleNamespace(refused=lambda code, trace, rule, client, logged: self.log.append(("refuses", code)),
                                   event=lambda *about, **more: None)
        self.pipeline = SimpleNamespace(room=Room(), recorder=recorder, draining=False, log=self.log, latest=None,
                                        answers_itself=answers_itself)
        self.edge = Edge(self.pipeline, settings or EdgeSettings(via=""), exchange=ScriptedExchange)
        self.wire = Wire(self.log)
        self.listener = self.connects(self.wire)

    def connects(self, wire):
        """A connection of the same worker."""
        listener = Watched(SimpleNamespace(loaded_app=SimpleNamespace(edge=self.edge)),
                           SimpleNamespace(connections=set()), {})
        listener.connection_made(wire)
        return listener

    def happened(self):
        """What happened since this was asked last."""
        log = list(self.log)
        self.log.clear()
        return log

    def sends(self, data):
        self.listener.data_received(data)
        return self.happened()

    def half_closes(self):
        if not self.listener.eof_received():
            self.wire.close()
        return self.happened()

    def goes(self):
        self.listener.connection_lost(None)
        return self.happened()

    def takes_no_more(self, waiting):
        self.wire.waiting = waiting
        self.listener.pause_writing()
        return self.happened()

    def takes_all(self):
        self.wire.waiting = 0
        self.listener.resume_writing()
        return self.happened()

    def is_late(self):
        """The deadline passes."""
        self.listener.overdue(self.listener.deadline + 1)
        return self.happened()

    def answers(self, status=200, body=b"ok"):
        self.pipeline.latest.answer(status, body)
        return self.happened()
