"""Windows authentication by others' hands: pyspnego accepts and asks, curl asks, and the gateway is between them."""

import base64
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakKeyDictionary

import pytest
import spnego

from tests.backends.figway import running
from tests.backends.upstream import Upstream
from tests.backends.wire import Wire, request, response

PASSWORDS = {"doctor": "secret-1", "nurse": "secret-2", "porter": "secret-3"}
PROTOCOLS = {"NTLM": ("ntlm", spnego.NegotiateOptions.use_ntlm),
             "Negotiate": ("negotiate", spnego.NegotiateOptions.use_negotiate)}


class Windows:
    """A handler that logs in connections by NTLM or Negotiate, as IIS does, and answers with the user's name."""

    def __init__(self) -> None:
        self._contexts: WeakKeyDictionary[Wire, spnego.ContextProxy] = WeakKeyDictionary()
        self._users: WeakKeyDictionary[Wire, str] = WeakKeyDictionary()

    def __call__(self, wire, asked):
        wire.read_body(asked)
        scheme, _, token = (asked.get("Authorization") or "").partition(" ")
        if scheme in PROTOCOLS:
            reply = self._step(wire, scheme, base64.b64decode(token))
            if wire not in self._users:
                wire.send(response(401, ("WWW-Authenticate", f"{scheme} {reply}".strip()), body=b"nobody"))
                return
        if wire in self._users:
            wire.send(response(200, ("Persistent-Auth", "true"), body=self._users[wire].encode()))
        else:
            wire.send(response(401, ("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "NTLM"), body=b"nobody"))

    def _step(self, wire, scheme, token):
        context = self._contexts.get(wire)
        if context is None or wire in self._users:
            protocol, options = PROTOCOLS[scheme]
            self._users.pop(wire, None)
            context = self._contexts[wire] = spnego.server(protocol=protocol, options=options)
        try:
            reply = context.step(token)
        except spnego.exceptions.SpnegoError:
            del self._contexts[wire]
            return ""
        if context.complete:
            self._users[wire] = context.client_principal.rpartition("\\")[2]
        return base64.b64encode(reply or b"").decode()


@pytest.fixture(scope="module")
def figway(tmp_path_factory):
    """A gateway with room for two in its pool, before a server that knows three users."""
    folder = tmp_path_factory.mktemp("windows")
    users = folder / "users"
    users.write_text("".join(f"CLINIC:{user}:{password}\n" for user, password in PASSWORDS.items()))
    upstream = Upstream()
    upstream.does(Windows())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NTLM_USER_FILE", str(users))
        with running(folder, f"""
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams: {{iis: {{url: "{upstream.url}", pool: {{connections: 2}}}}}}
default: {{upstream: iis}}
""") as figway:
            yield figway
    upstream.close()
    assert upstream.failures == []


class Login:
    """One user's connection, and the rounds of a login on it."""

    def __init__(self, figway, user, scheme):
        protocol, options = PROTOCOLS[scheme]
        self.user, self._scheme, self.wire = user, scheme, figway.connect()
        self._context = spnego.client(f"CLINIC\\{user}", PASSWORDS[user], protocol=protocol, options=options)
        self._token = None

    def round(self):
        """One round; its answer."""
        token = base64.b64encode(self._context.step(self._token) or b"").decode()
        reply = self.ask(("Authorization", f"{self._scheme} {token}"))
        given = (reply.get("WWW-Authenticate") or "").partition(" ")[2]
        self._token = base64.b64decode(given)
        return reply

    def ask(self, *fields, method="GET"):
        return self.wire.send(request(method, "/", *fields)).read_reply()


def stranger_is_nobody(figway):
    return figway.ask("GET", "/").body == b"nobody"


@pytest.mark.parametrize("scheme", PROTOCOLS)
def test_crossing_logins_by_pyspnego_are_each_their_own(figway, scheme):
    people = [Login(figway, user, scheme) for user in PASSWORDS]
    assert [person.round().status for person in people] == [401, 401, 401]
    assert stranger_is_nobody(figway)
    for person in reversed(people):
        reply = person.round()
        assert (reply.status, reply.body.decode()) == (200, person.user)
        assert stranger_is_nobody(figway)
    for _ in range(3):
        for person in people:
            assert person.ask().body.decode() == person.user
        assert stranger_is_nobody(figway)
    for person in people:
        person.wire.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the Debian package curl is not installed")
def test_curls_that_log_in_by_ntlm_at_once_are_each_their_own(figway):
    """Each asks three times on one connection, while strangers ask as well."""
    url = f"http://127.0.0.1:{figway.port}/"

    def curl(user, *more):
        asked = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "60", *more, url, url, url],
                               capture_output=True, text=True, check=False)
        return user, asked.stdout, asked.stderr

    if "NTLM" not in subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this curl knows no NTLM")
    with ThreadPoolExecutor(6) as pool:
        asking = [pool.submit(curl, user, "--ntlm", "--user", f"CLINIC\\{user}:{PASSWORDS[user]}")
                  for user in [*PASSWORDS] * 5]
        asking += [pool.submit(curl, "nobody") for _ in range(5)]
        for one in asking:
            user, said, wrong = one.result()
            assert (said, wrong) == (user * 3, "")
    assert stranger_is_nobody(figway)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the Debian package curl is not installed")
def test_a_wrong_password_logs_nobody_in(figway):
    asked = subprocess.run(["curl", "--silent", "--max-time", "60", "--ntlm", "--user", "CLINIC\\doctor:wrong",
                            f"http://127.0.0.1:{figway.port}/"], capture_output=True, text=True, check=True)
    assert asked.stdout == "nobody"
