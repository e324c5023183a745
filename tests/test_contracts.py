"""Every plugin that is registered passes the check of its kind. One that has no case here fails: add its case."""

from hashlib import sha256

import orjson
import pytest
from joserfc.jwk import ECKey, KeySet
from pydantic import TypeAdapter

from adapters.message import Headers, Request, Response
from adapters.testing import Example, check_adapter
from gateway import plugins
from gateway.call import Call
from gateway.policies.jwks import JwksOptions
from gateway.policies.testing import check_policy
from gateway.services import Services
from shadow.testing import check_store

READ = Request("GET", b"/results/7", Headers([(b"X-API-Key", b"key")]))
CALL = Call(READ, "results", "read", True, "192.0.2.1")
JSON = Response(200, Headers([(b"Content-Type", b"application/json")]), b'{"id": 7}')
XML = Response(200, Headers([(b"Content-Type", b"text/xml")]), (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    b'<r:GetResponse xmlns:r="urn:r"><r:Id>7</r:Id></r:GetResponse></s:Body></s:Envelope>'))


def identity(kind):
    return kind(kind.Options()), Example("read", READ, JSON)


def soap(kind):
    read = {
        "action": "urn:r:Get", "request": {"element": "Get", "fields": {"Id": "path:id"}},
        "response": {"element": "GetResponse", "body": {"fields": {"id": "Id"}}},
    }
    options = {"path": "/ws", "namespace": "urn:r", "operations": {"read": read}}
    return kind(TypeAdapter(kind.Options).validate_python(options)), Example("read", READ, XML, {"id": "7"})


def apikey(kind, folder):
    options = kind.Options(keys={"portal": "sha256:" + sha256(b"key").hexdigest()})
    return lambda: kind("keys", options), [CALL]


def jwt(kind, folder):
    keys = folder / "keys.json"
    keys.write_bytes(orjson.dumps(KeySet([ECKey.generate_key("P-256", {"kid": "1"}, private=False)]).as_dict()))
    options = kind.Options(
        issuer="https://clinic.example", audience="results", jwks=JwksOptions(file=keys), algorithms=("ES256",))
    return lambda: kind("tokens", options, Services()), []


def ratelimit(kind, folder):
    return lambda: kind("fair", kind.Options(rate="5/m"), Services()), [CALL]


def memory(kind, folder):
    return kind(kind.Options(signatures=4))


def sqlite(kind, folder):
    return kind(kind.Options(path=folder / "learnt.db", signatures=4))


ADAPTERS = {"identity": identity, "soap": soap}
POLICIES = {"apikey": apikey, "jwt": jwt, "ratelimit": ratelimit}
STORES = {"memory": memory, "sqlite": sqlite}


@pytest.mark.parametrize("name", plugins.names("figway.adapters"))
def test_every_adapter_keeps_its_contract(name):
    adapter, *examples = ADAPTERS[name](plugins.load("figway.adapters", name))
    check_adapter(adapter, examples)


@pytest.mark.parametrize("name", plugins.names("figway.policies"))
def test_every_policy_keeps_its_contract(name, tmp_path):
    make, accepted = POLICIES[name](plugins.load("figway.policies", name), tmp_path)
    check_policy(make, *accepted)


@pytest.mark.parametrize("name", plugins.names("figway.stores"))
def test_every_store_keeps_its_contract(name, tmp_path):
    store = STORES[name](plugins.load("figway.stores", name), tmp_path)
    check_store(store, 4)
    store.close()


def test_every_group_has_the_plugins_that_are_promised():
    assert set(plugins.names("figway.adapters")) >= {"identity", "soap"}
    assert set(plugins.names("figway.policies")) >= {"apikey", "jwt", "ratelimit"}
    assert set(plugins.names("figway.stores")) >= {"memory", "sqlite"}
