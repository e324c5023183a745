"""Where a server logs in the connection, nobody is ever answered as somebody else, and a login lasts."""

import threading

import pytest

from tests.backends.figway import running
from tests.backends.logins import SCHEMES, TWO_ROUNDS, Person, challenge, domain, logged_in, server_of, user_of
from tests.backends.upstream import Upstream, closed_port, until
from tests.backends.wire import PATIENCE, Cut, request, response


@pytest.fixture
def modern(everlasting_modern):
    """The modern system behind what is `kept`."""
    everlasting_modern.forget()
    yield everlasting_modern
    assert everlasting_modern.failures == []


@pytest.fixture(scope="module")
def narrow(everlasting_legacy, tmp_path_factory):
    """A gateway whose pool has room for two, so that connections are shared at once."""
    with running(tmp_path_factory.mktemp("narrow"), f"""
version: 1
server: {{drain: {{grace: 2s}}, timeouts: {{body_grace: 10m}}}}
upstreams:
  legacy: {{url: "{everlasting_legacy.url}", pool: {{connections: 2}}, ejection: {{failures: 0, for: 1s}}}}
default: {{upstream: legacy}}
""") as figway:
        yield figway


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_stranger_is_not_answered_as_the_one_who_logged_in(narrow, legacy, scheme):
    domain(legacy)
    doctor, stranger = Person(narrow, "doctor"), Person(narrow, "stranger")

    assert logged_in(doctor.log_in("/results/1", scheme), "doctor")
    for _ in range(4):
        reply = stranger.ask("/results/1")
        assert (reply.status, user_of(reply)) == (401, None)
        assert user_of(Person(narrow, "passer-by").ask("/open/1")) is None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_login_lasts_on_its_connection_and_ends_with_it(narrow, legacy, scheme):
    domain(legacy)
    doctor = Person(narrow, "doctor")
    assert logged_in(doctor.log_in("/results/1", scheme), "doctor")
    others = [Person(narrow, f"other{number}") for number in range(3)]
    for number in range(5):
        for other in others:
            assert other.ask("/open/1").status == 200
        assert logged_in(doctor.ask(f"/results/{number}"), "doctor")
    assert doctor.ask("/results/1", method="HEAD").get("X-User") == "doctor"
    doctor.close()
    until(lambda: not any(wire in legacy._handler._users for wire in legacy.wires), "the login outlives its client")
    assert Person(narrow, "doctor").ask("/results/1").status == 401


@pytest.mark.parametrize("scheme", TWO_ROUNDS)
def test_crossing_logins_are_not_taken_for_one_another(narrow, legacy, scheme):
    """Doctor and nurse both begin, then both prove who they are, then both write."""
    clinic = domain(legacy)
    people = [Person(narrow, name) for name in ("doctor", "nurse", "porter")]
    given = [person.challenge("/results/1", scheme) for person in people]

    for person, token in reversed(list(zip(people, given, strict=True))):
        assert logged_in(person.prove("/results/1", token, scheme), person.user)
    for person in people:
        reply = person.ask("/write/1", method="POST", body=person.user.encode())
        assert logged_in(reply, person.user)
    assert clinic.written == [(person.user, person.user.encode()) for person in people]


def test_a_login_of_one_challenge_is_no_use_on_anothers_connection(narrow, legacy):
    domain(legacy)
    doctor, thief = Person(narrow, "doctor"), Person(narrow, "doctor")
    token = doctor.challenge("/results/1")
    assert thief.prove("/results/1", token).status == 401
    assert logged_in(doctor.prove("/results/1", token), "doctor")


def test_a_challenge_alone_makes_the_connection_the_clients(narrow, legacy):
    """It is settled before the next request, which waits for a connection already, could be given it."""
    domain(legacy)
    asking = [Person(narrow, f"client{number}") for number in range(12)]
    for person in asking:
        person.send("/results/1")
    assert {person.wire.read_reply().status for person in asking} == {401}
    tokens = [person.challenge("/results/1") for person in asking]
    for person, token in zip(asking, tokens, strict=True):
        assert logged_in(person.prove("/results/1", token), person.user)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pipelined_requests_are_the_clients_own_in_their_order(narrow, legacy, scheme):
    domain(legacy)
    doctor, nurse = Person(narrow, "doctor"), Person(narrow, "nurse")
    for person in (doctor, nurse):
        assert logged_in(person.log_in("/results/1", scheme), person.user)
    for person in (doctor, nurse):
        person.wire.send(b"".join(request("GET", f"/results/{number}") for number in range(6)))
    for person in (nurse, doctor):
        replies = [person.wire.read_reply() for _ in range(6)]
        assert all(logged_in(reply, person.user) for reply in replies)


def test_a_body_in_the_last_round_arrives_once_and_as_the_users(narrow, legacy):
    clinic = domain(legacy)
    doctor = Person(narrow, "doctor")
    reply = doctor.ask("/write/1", ("Authorization", "NTLM 1"), method="POST", body=b"")
    fields = ("Authorization", f"NTLM doctor.{challenge(reply, 'NTLM')}"), ("Expect", "100-continue")
    doctor.send("/write/1", *fields, ("Content-Length", "200000"), method="POST")
    doctor.wire.send(b"x" * 200_000)
    assert logged_in(doctor.wire.read_reply(), "doctor")
    assert [(user, len(body)) for user, body in clinic.written] == [("doctor", 200_000)]


@pytest.mark.parametrize("expects", [False, True], ids=["", "expects 100"])
@pytest.mark.parametrize(("size", "chunked"), [(1000, True), (1 << 20, True), (1 << 20, False)])
def test_a_challenge_that_comes_before_the_body_is_sent_costs_no_login(narrow, legacy, size, chunked, expects):
    """The server answers at the sight of the head and reads the body on, as it does without a gateway between. A
    client that asked whether to go on sends it all the same, as .NET's HttpClient does."""
    clinic, received = domain(legacy), []

    def answers_early(wire, asked):
        if asked.method == "POST" and asked.get("Authorization") == "NTLM 1":
            body = asked.framing
            asked.framing = "none"
            clinic(wire, asked)
            asked.framing = body
        wire.read_body(asked)
        received.append(len(asked.body))
        if asked.get("Authorization") != "NTLM 1":
            asked.framing = "none"
            clinic(wire, asked)

    def post(doctor, token):
        framing = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(size))
        asks = [("Expect", "100-continue")] if expects and token == "1" else []
        doctor.send("/write/1", ("Authorization", f"NTLM {token}"), framing, *asks, method="POST")
        if token == "1":
            reply = doctor.wire.read_reply()
        doctor.wire.send(b"%x\r\n%b\r\n0\r\n\r\n" % (size, bytes(size)) if chunked else bytes(size))
        return reply if token == "1" else doctor.wire.read_reply()

    legacy.does(answers_early)
    doctor, nurse = Person(narrow, "doctor"), Person(narrow, "nurse")
    for person in (doctor, nurse):
        reply = post(person, "1")
        assert reply.get("Connection") is None
        assert logged_in(post(person, f"{person.user}.{challenge(reply, 'NTLM')}"), person.user)
    for person in (doctor, nurse):
        assert logged_in(person.ask("/results/1"), person.user)
    assert received[:4] == [size] * 4


def test_surplus_bytes_while_the_rest_of_a_body_is_awaited_end_the_login(narrow, legacy):
    domain(legacy)
    doctor = Person(narrow, "doctor")
    assert logged_in(doctor.log_in("/results/1"), "doctor")
    legacy.does(lambda wire, asked: (wire.send(response(200, body=b"right")), wire.silent(0.05),
                                     wire.send(response(200, body=b"unasked for")), wire.rest()))
    doctor.send("/write/1", ("Content-Length", "100000"), method="POST")
    assert doctor.wire.read_reply().body == b"right"
    assert doctor.wire.ends()


def test_an_early_answer_is_whole_though_its_upstream_resets_the_connection_after_it(narrow, legacy):
    """As servers do that close with a part of the request unread."""
    domain(legacy)
    doctor, answered = Person(narrow, "doctor"), threading.Event()
    assert logged_in(doctor.log_in("/results/1"), "doctor")

    def answers_and_resets(wire, asked):
        wire.send(response(200, body=b"enough"))
        assert answered.wait(PATIENCE)
        wire.reset()

    legacy.does(answers_and_resets)
    doctor.send("/write/1", ("Content-Length", "100000"), method="POST")
    assert doctor.wire.read_reply().body == b"enough"
    answered.set()
    with pytest.raises(Cut) as cut:
        doctor.wire.read(1)
    assert not cut.value.reset
    doctor.close()


@pytest.mark.parametrize("size", [100 << 10, 200 << 10, 8 << 20])
def test_a_large_answer_to_a_slow_client_costs_no_login(narrow, legacy, size):
    clinic, begun = domain(legacy), threading.Event()
    doctor = Person(narrow, "doctor")
    doctor.wire = narrow.connect(receive_buffer=1 << 14)
    assert logged_in(doctor.log_in("/results/1"), "doctor")

    def pours(wire, asked):
        if asked.target == b"/large":
            answer = response(200, body=bytes(size))
            wire.send(answer[:100 << 10])
            begun.set()
            wire.send(answer[100 << 10:])
        else:
            clinic(wire, asked)

    legacy.does(pours)
    doctor.send("/large")
    assert begun.wait(PATIENCE)
    assert len(doctor.wire.read_reply().body) == size
    assert logged_in(doctor.ask("/results/1"), "doctor")


def test_a_websocket_is_opened_by_who_is_logged_in(narrow, legacy):
    clinic = domain(legacy)

    def switches(wire, asked):
        if asked.get("Upgrade") and wire in clinic._users:
            wire.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            wire.send(clinic._users[wire].encode())
            wire.rest()
        else:
            clinic(wire, asked)

    legacy.does(switches)
    upgrade = ("Connection", "Upgrade"), ("Upgrade", "websocket")
    doctor, stranger = Person(narrow, "doctor"), Person(narrow, "stranger")
    assert logged_in(doctor.log_in("/socket"), "doctor")
    assert doctor.ask("/socket", *upgrade).status == 101
    assert doctor.wire.read(6) == b"doctor"
    assert stranger.ask("/socket", *upgrade).status == 401
    doctor.close()
    until(lambda: not any(wire in clinic._users for wire in legacy.wires), "the login outlives its client")


# --- the end of a login -----------------------------------------------------------------------------------------------

def test_an_upstream_that_closes_between_requests_closes_the_clients_connection(narrow, legacy):
    domain(legacy)
    doctor, stranger = Person(narrow, "doctor"), Person(narrow, "stranger")
    assert logged_in(doctor.log_in("/results/1"), "doctor")
    legacy.drop()
    assert doctor.wire.ends()
    assert stranger.ask("/open/1").status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_finds_its_login_closed_is_sent_to_nobody_else(narrow, legacy, method):
    """The upstream hangs up at the sight of it: so does the gateway, and the client may ask anew."""
    clinic = domain(legacy)
    doctor = Person(narrow, "doctor")
    assert logged_in(doctor.log_in("/results/1"), "doctor")
    seen = 0

    def leaves(wire, asked):
        nonlocal seen
        seen += 1
        wire.close()

    legacy.does(leaves)
    with pytest.raises(Cut):
        doctor.ask("/write/1", method=method, body=b"x" if method == "POST" else None)
    assert seen == 1
    legacy.does(clinic)
    assert Person(narrow, "stranger").ask("/results/1").status == 401


@pytest.mark.parametrize("proves", [False, True], ids=["logged in", "logging in"])
def test_a_request_whose_login_is_closed_before_it_is_whole_is_sent_to_nobody(narrow, legacy, proves):
    """A small body is gathered before it is sent: what is asked after that would be asked as nobody."""
    domain(legacy)
    doctor, sign = Person(narrow, "doctor"), b""
    if proves:
        sign = b"Authorization: NTLM doctor.%b\r\n" % doctor.challenge("/open/1").encode()
    else:
        assert logged_in(doctor.log_in("/open/1"), "doctor")
    before = legacy.targets()
    doctor.wire.send(b"POST /open/write HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n%b\r\nhello" % sign)
    until(lambda: narrow.metric("figway_requests_in_flight") == 1, "the request does not arrive")
    legacy.drop()
    until(lambda: "0 pending, 0 connections" in narrow.readiness()[1], "the login stays open")
    doctor.wire.send(b"world")
    with pytest.raises(Cut):
        doctor.wire.read_reply("POST")
    assert legacy.targets() == before


@pytest.mark.parametrize("status", [200, 401])
def test_an_answer_that_ends_its_connection_ends_the_clients(narrow, legacy, status):
    clinic = domain(legacy)
    doctor = Person(narrow, "doctor")
    token = doctor.challenge("/results/1")
    clinic.close_with = {status}
    reply = doctor.prove("/results/1", token if status == 200 else "wrong")
    assert (reply.status, reply.get("Connection")) == (status, "close")
    assert doctor.wire.ends()


def test_an_http_1_0_answer_to_a_login_ends_the_clients_connection(narrow, legacy):
    legacy.answers(b"HTTP/1.0 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 2\r\n\r\nno")
    doctor = Person(narrow, "doctor")
    reply = doctor.ask("/")
    assert (reply.status, reply.body, reply.get("Connection")) == (401, b"no", "close")
    assert doctor.wire.ends()


def test_an_http_1_0_client_logs_in_where_it_keeps_its_connection(narrow, legacy):
    domain(legacy)
    doctor, kept = Person(narrow, "doctor"), ("Connection", "keep-alive")

    def ask(*fields):
        doctor.wire.send(request("GET", "/results/1", kept, *fields, version="1.0"))
        return doctor.wire.read_reply()

    token = challenge(ask(("Authorization", "NTLM 1")), "NTLM")
    assert logged_in(ask(("Authorization", f"NTLM doctor.{token}")), "doctor")
    assert logged_in(ask(), "doctor")


def test_bytes_after_a_logins_answer_end_it(narrow, legacy):
    clinic = domain(legacy)
    doctor = Person(narrow, "doctor")
    assert logged_in(doctor.log_in("/results/1"), "doctor")

    def says_more(wire, asked):
        clinic(wire, asked)
        wire.send(response(200, body=b"unasked for"))

    legacy.does(says_more)
    assert logged_in(doctor.ask("/results/2"), "doctor")
    assert doctor.wire.ends()


def test_what_logs_in_nobody_shares_connections_as_ever(narrow, legacy):
    """Basic, Bearer and Digest are of the request, and so is a scheme of one's own that is simply refused."""
    def refuses(wire, asked):
        scheme = (asked.get("Authorization") or "Basic").split()[0]
        challenges = {"Digest": 'Digest realm="a", nonce="b", stale=true', "Acme": 'Acme realm="NTLM", error="wrong"'}
        wire.send(response(401, ("WWW-Authenticate", challenges.get(scheme, f'{scheme} realm="a, NTLM"'))))

    legacy.does(refuses)
    for _ in range(3):
        for scheme in ("Basic", "Bearer", "Digest", "Acme"):
            assert narrow.ask("GET", "/", ("Authorization", f"{scheme} eDp5")).status == 401
    assert len({asked.number for asked in legacy.asked}) > 6


# --- bounds -----------------------------------------------------------------------------------------------------------

def test_logins_take_no_place_of_the_pool_and_have_a_bound_of_their_own(gateway, legacy):
    domain(legacy)
    small = gateway(f"""
version: 1
upstreams: {{legacy: {{url: "{legacy.url}", pool: {{connections: 1, bound: 4}}}}}}
default: {{upstream: legacy}}
""")
    # An address has half of them at most: two here.
    people = [Person(small, f"user{number}") for number in range(2)]
    for person in people:
        assert logged_in(person.log_in("/results/1"), person.user)
    late = Person(small, "late")
    reply = late.ask("/results/1", ("Authorization", "NTLM 1"))
    assert (reply.status, reply.get("Content-Type")) == (503, "application/problem+json")
    for _ in range(3):
        assert small.ask("GET", "/open/1").status == 200

    # A challenge that there is no room for is passed on, and its connection ends on both sides.
    reply = late.ask("/results/1")
    assert (reply.status, reply.get("Connection")) == (401, "close")
    assert late.wire.ends()

    people[0].close()
    until(lambda: Person(small, "next").ask("/results/1", ("Authorization", "NTLM 1")).status == 401,
          "the place is not given away")
    assert logged_in(people[1].ask("/results/1"), people[1].user)


def test_a_client_that_idles_keeps_no_login_past_its_own_time(gateway, legacy):
    clinic = domain(legacy)
    brief = gateway(f"""
version: 1
server: {{timeouts: {{idle: 1s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""")
    doctor = Person(brief, "doctor")
    assert logged_in(doctor.log_in("/results/1"), "doctor")
    assert doctor.wire.ends()
    until(lambda: not any(wire in clinic._users for wire in legacy.wires), "the login outlives its client")


# --- several endpoints, several upstreams -----------------------------------------------------------------------------

@pytest.mark.parametrize("scheme", SCHEMES)
def test_with_two_endpoints_a_client_stays_at_the_one_it_logged_in_at(kept, legacy, modern, scheme):
    domain(legacy, "one"), domain(modern, "two")
    both = kept(f"""
version: 1
upstreams: {{clinic: {{endpoints: ["{legacy.url}", "{modern.url}"]}}}}
default: {{upstream: clinic}}
""")
    people = [Person(both, f"user{number}") for number in range(6)]
    homes = []
    for person in people:
        reply = person.log_in("/results/1", scheme)
        assert logged_in(reply, person.user)
        homes.append(server_of(reply))
    assert set(homes) == {"one", "two"}
    for _ in range(3):
        for person, home in zip(people, homes, strict=True):
            reply = person.ask("/results/1")
            assert (logged_in(reply, person.user), server_of(reply)) == (True, home)


TWO = """
version: 1
server: {{drain: {{grace: 2s}}}}
upstreams:
  legacy: {{url: "{legacy}", pool: {{connections: {connections}}}}}
  modern: {{url: "{modern}", ejection: {{failures: 0, for: 1s}}}}
capabilities:
  results:
    owner: t
    operations:
      read: {{method: [GET, HEAD], path: "/results/{{id}}"}}
      write: {{method: POST, path: "/results/{{id}}"}}
      open: {{path: "/open/{{id}}"}}
    legacy: legacy
    modern: modern
    stage: {stage}
    {more}
  other: {{owner: t, operations: {{any: {{path: "/other/{{rest*}}"}}}}, legacy: modern, stage: legacy}}
default: {{upstream: legacy}}
"""
SPLIT = "split: {percent: 50%, sticky: [\"header:x-nobody-sends-it\"], on_missing: random}"
MODERN = "split: {percent: 100%, sticky: [client_ip]}"


def two(legacy, modern, stage, more="", connections=256):
    return TWO.format(legacy=legacy.url, modern=modern.url, stage=stage, more=more, connections=connections)


def test_one_connection_is_logged_in_at_two_upstreams_apart(gateway, legacy, modern):
    domain(legacy, "legacy"), domain(modern, "modern")
    figway = gateway(two(legacy, modern, "legacy"))
    doctor, nurse = Person(figway, "doctor"), Person(figway, "nurse")

    assert logged_in(doctor.log_in("/results/1"), "doctor")
    assert doctor.ask("/other/1").status == 401
    assert logged_in(doctor.log_in("/other/1", "Negotiate"), "doctor")
    assert logged_in(nurse.log_in("/other/1"), "nurse")
    for _ in range(3):
        for target, server in (("/results/1", "legacy"), ("/other/1", "modern")):
            reply = doctor.ask(target)
            assert (logged_in(reply, "doctor"), server_of(reply)) == (True, server)
    assert nurse.ask("/results/1").status == 401


# --- canary, fallback, shadow -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_split_is_not_rolled_anew_for_who_is_logged_in(kept, legacy, modern, scheme):
    domain(legacy, "legacy"), domain(modern, "modern")
    figway = kept(two(legacy, modern, "canary", SPLIT))
    homes = set()
    for number in range(24):
        person = Person(figway, f"user{number}")
        reply = person.log_in("/results/1", scheme)
        assert logged_in(reply, person.user)
        home = server_of(reply)
        homes.add(home)
        for _ in range(6):
            reply = person.ask("/results/1")
            assert (logged_in(reply, person.user), server_of(reply)) == (True, home)
        person.close()
    assert homes == {"legacy", "modern"}


def test_a_share_of_nothing_takes_clients_back_from_modern_logged_in_or_not(gateway, legacy, modern):
    domain(legacy, "legacy"), domain(modern, "modern")
    figway = gateway(two(legacy, modern, "canary", MODERN))
    doctor = Person(figway, "doctor")
    assert server_of(doctor.log_in("/results/1")) == "modern"
    figway.reload(two(legacy, modern, "canary", MODERN.replace("100%", "0%")))

    def sent_away():
        try:
            return server_of(doctor.ask("/results/1")) != "modern"
        except Cut:
            return True

    until(sent_away, "the client stays with modern")
    again = Person(figway, "doctor")
    reply = again.log_in("/results/1")
    assert (logged_in(reply, "doctor"), server_of(reply)) == (True, "legacy")


@pytest.mark.parametrize("fails", ["refused", "resets", "unwell"])
def test_where_modern_fails_legacy_logs_the_client_in(kept, legacy, modern, fails):
    domain(legacy, "legacy")
    if fails == "resets":
        modern.does(lambda wire, asked: wire.reset())
    else:
        modern.answers(response(503, body=b"unwell"))
    config = two(legacy, modern, "canary", MODERN)
    figway = kept(config if fails != "refused" else config.replace(modern.url, f"http://127.0.0.1:{closed_port()}"))

    doctor, stranger = Person(figway, "doctor"), Person(figway, "stranger")
    reply = doctor.log_in("/results/1")
    assert (logged_in(reply, "doctor"), server_of(reply)) == (True, "legacy")
    assert stranger.ask("/results/1").status == 401
    assert logged_in(doctor.ask("/results/1"), "doctor")


def test_a_challenge_is_no_failure_that_legacy_would_answer_for(gateway, legacy, modern):
    domain(legacy, "legacy"), domain(modern, "modern")
    figway = gateway(two(legacy, modern, "canary", MODERN))
    doctor = Person(figway, "doctor")
    doctor.challenge("/results/1")
    assert legacy.asked == []


def test_modern_that_fails_in_the_middle_of_a_login_costs_the_connection_and_no_more(gateway, legacy, modern):
    domain(legacy, "legacy"), domain(modern, "modern")
    figway = gateway(two(legacy, modern, "canary", MODERN))
    doctor, nurse = Person(figway, "doctor"), Person(figway, "nurse")
    assert logged_in(nurse.log_in("/results/1"), "nurse")
    token = doctor.challenge("/results/1")
    modern.does(lambda wire, asked: wire.reset())

    reply = doctor.prove("/results/1", token)
    assert (reply.status, server_of(reply), reply.get("Connection")) == (401, "legacy", "close")
    assert doctor.wire.ends()
    again = Person(figway, "doctor")
    assert logged_in(again.log_in("/results/1"), "doctor")
    assert user_of(Person(figway, "stranger").ask("/results/1")) is None


SHADOW = "shadow: {sample: 100%, deadline: 5s}"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_a_login_is_asked_is_mirrored_to_nobody(gateway, legacy, modern, scheme):
    domain(legacy, "legacy"), domain(modern, "modern")
    figway = gateway(two(legacy, modern, "shadow", SHADOW))
    doctor = Person(figway, "doctor")
    assert doctor.ask("/results/1").status == 401
    assert logged_in(doctor.log_in("/results/1", scheme), "doctor")
    for _ in range(3):
        assert logged_in(doctor.ask("/results/1"), "doctor")
    asked = len(legacy.asked)
    until(lambda: figway.metric("figway_shadow_total", outcome="skipped", reason="connection_auth") == asked,
          "not every exchange of a login is left out")
    assert modern.asked == []

    # Whoever is not logged in is mirrored as ever.
    assert Person(figway, "stranger").ask("/open/1").status == 200
    until(lambda: len(modern.asked) == 1, "nothing is mirrored")


def test_a_mirror_whose_answer_speaks_of_logins_leaves_no_connection_behind(gateway, legacy, modern):
    """Modern challenges what legacy answers: the mirrors come on a connection of their own each."""
    domain(modern, "modern")
    figway = gateway(two(legacy, modern, "shadow", SHADOW))
    for number in range(4):
        assert figway.ask("GET", f"/results/{number}").status == 200
    until(lambda: len(modern.asked) >= 4, "nothing is mirrored")
    assert {asked.number for asked in modern.asked} == {1}


# --- reload and drain -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_login_lasts_over_reloads(gateway, legacy, modern, scheme):
    """Over one that changes nothing of the upstream, one that makes it anew, and one in the middle of a login."""
    domain(legacy, "legacy"), domain(modern, "modern")
    figway = gateway(two(legacy, modern, "legacy"))
    doctor, nurse = Person(figway, "doctor"), Person(figway, "nurse")
    assert logged_in(doctor.log_in("/results/1", scheme), "doctor")
    token = nurse.challenge("/results/1")
    for number, fresh in enumerate([
        two(legacy, modern, "legacy", SHADOW), two(legacy, modern, "legacy", connections=3),
        two(legacy, modern, "legacy", connections=2),
    ], 1):
        figway.reload(fresh)
        until(lambda seen=number: figway.metric("figway_config_reloads_total") >= seen or
              sum(one["event"] == "reloaded" for one in figway.log()) >= seen, "no reload")
        assert logged_in(doctor.ask("/results/1"), "doctor")
        assert Person(figway, "stranger").ask("/results/1").status == 401
    assert logged_in(nurse.prove("/results/1", token), "nurse")


def test_a_login_at_an_endpoint_that_is_taken_out_ends_with_the_next_answer(gateway, legacy, modern):
    domain(legacy, "legacy"), domain(modern, "modern")
    figway = gateway(two(legacy, modern, "legacy"))
    doctor, idle = Person(figway, "doctor"), Person(figway, "idle")
    for person in (doctor, idle):
        assert logged_in(person.log_in("/results/1"), person.user)
    elsewhere = Upstream()
    domain(elsewhere, "elsewhere")
    try:
        figway.reload(two(elsewhere, modern, "legacy"))
        until(lambda: server_of(Person(figway, "stranger").ask("/results/1")) == "elsewhere", "no reload")
        assert idle.wire.ends()
        assert logged_in(Person(figway, "doctor").log_in("/results/1"), "doctor")
    finally:
        elsewhere.close()


def test_draining_answers_a_login_and_then_closes_both_its_connections(gateway, legacy):
    clinic = domain(legacy)
    figway = gateway(f"""
version: 1
server: {{drain: {{grace: 5s}}}}
upstreams: {{legacy: {{url: "{legacy.url}"}}}}
default: {{upstream: legacy}}
""")
    doctor = Person(figway, "doctor")
    assert logged_in(doctor.log_in("/results/1"), "doctor")
    arrived = []

    def slowly(wire, asked):
        arrived.append(asked)
        until(lambda: figway.readiness()[0] != 200, "no drain")
        clinic(wire, asked)

    legacy.does(slowly)
    doctor.send("/results/2")
    until(lambda: bool(arrived), "the request does not arrive")
    figway.terminate()
    reply = doctor.wire.read_reply()
    assert (logged_in(reply, "doctor"), reply.get("Connection")) == (True, "close")
    assert doctor.wire.ends()
    until(lambda: not any(wire in clinic._users for wire in legacy.wires), "the login outlives its client")
