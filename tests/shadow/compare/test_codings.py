"""Content codings: each is taken off, whatever the pieces that it comes in, and no bomb is unpacked at once."""

import gzip
import random
import tracemalloc
import zlib

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from shadow.compare.bodies import MAX_DECODED, Unreadable, decoded
from shadow.compare.codings import CODINGS, MAX_MEMBERS, PIECE, Corrupt, Unpacking
from shadow.compare.digests import Digesting, digest_of
from tests.shadow.exchanges import answer


def bare(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKED = {
    "gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress,
    "zstd": zstd.compress, "identity": lambda body: body,
}
CODED = [*PACKED.items(), ("deflate", bare)]
TAKEN_OFF = [one for one in CODED if one[0] != "identity"]
# Some bytes, and how often they come again.
BODIES = st.tuples(st.binary(max_size=9), st.sampled_from([1, 1, 1, 9, PIECE]))


def unpacked(codings, body, cuts=()):
    unpacking = Unpacking(codings)
    made = []
    for start, end in zip((0, *cuts), (*cuts, len(body)), strict=True):
        made += unpacking.pieces(body[start:end])
    unpacking.end()
    assert all(len(piece) <= PIECE for piece in made)
    return b"".join(made)


def test_every_coding_is_tried_here():
    assert PACKED.keys() == CODINGS


@given(st.sampled_from(TAKEN_OFF), BODIES, st.data())
def test_a_body_is_unpacked_whatever_the_pieces_it_comes_in(coding, body, data):
    (name, pack), body = coding, body[0] * body[1]
    packed = pack(body)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=8)))
    assert unpacked((name,), packed, cuts) == body


@pytest.mark.parametrize(("name", "pack"), TAKEN_OFF)
def test_a_body_that_is_cut_short_or_goes_on_is_corrupt(name, pack):
    packed = pack(b'{"a": 1}' * 50)
    for broken in (packed[:-1], packed[:1], packed + b"more", b"no such thing"):
        assert decoded(answer("legacy", broken, content_encoding=name)) == Unreadable("corrupt")


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_streams_that_follow_each_other_are_one_body(name):
    pack = PACKED[name]
    assert unpacked((name,), pack(b"[") + pack(b"") + pack(b"]")) == b"[]"
    with pytest.raises(Corrupt):
        unpacked((name,), pack(b"") * (MAX_MEMBERS + 1))


def test_codings_are_taken_off_in_the_reverse_order():
    body = bytes(random.Random(1).randbytes(100_000))
    packed = body
    for name in ("gzip", "br", "zstd", "deflate"):
        packed = PACKED[name](packed)
    assert decoded(answer("legacy", packed, content_encoding="gzip, br , ZSTD,identity, deflate")) == body


@pytest.mark.parametrize("coding", ["exi", "compress", "dcb", "gzip, exi", "gzip," * 5])
def test_a_coding_that_nobody_knows_is_not_guessed(coding):
    assert decoded(answer("legacy", b"{}", content_encoding=coding)) == Unreadable("unknown_coding")


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_takes_no_more_memory_than_a_body_may_have(name):
    bomb = PACKED[name](b" " * (MAX_DECODED + 1))
    tracemalloc.start()
    try:
        assert decoded(answer("legacy", bomb, content_encoding=name)) == Unreadable("too_large")
        assert tracemalloc.get_traced_memory()[1] < MAX_DECODED + (16 << 20)
        tracemalloc.reset_peak()
        assert digest_of(answer("legacy", bomb, content_encoding=name)).size == MAX_DECODED + 1
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_zstd_body_may_not_ask_for_a_larger_window_than_the_web_allows():
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    packer = zstd.ZstdCompressor(options=options)
    packed = packer.compress(b"a" * 1000) + packer.flush()
    assert decoded(answer("legacy", packed, content_encoding="zstd")) == Unreadable("corrupt")


@given(BODIES, st.sampled_from(CODED))
def test_a_digest_is_of_the_content_and_not_of_its_coding(body, coding):
    (name, pack), body = coding, body[0] * body[1]
    packed = pack(body) if body else b""
    digesting = Digesting(() if name == "identity" else (name,))
    for at in range(0, len(packed), 1000):
        digesting.take(packed[at:at + 1000])
    assert digesting.end() == digest_of(answer("legacy", body))


@pytest.mark.parametrize(("coding", "body", "reason"), [
    ("gzip", b"no gzip", "corrupt"), ("gzip", gzip.compress(b"{}" * 99, mtime=0)[:-3], "corrupt"),
    ("exi", b"{}", "unknown_coding"),
])
def test_a_digest_says_why_it_is_not_of_the_content(coding, body, reason):
    assert digest_of(answer("legacy", body, content_encoding=coding)).reason == reason
