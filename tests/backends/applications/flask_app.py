"""The clinic in Flask."""

from flask import Flask

app = Flask(__name__)


def _answer(resource: str) -> tuple[str, int, dict[str, str]]:
    return resource, 200, {"X-Resource": resource}


@app.get("/results/<number>")
def read(number: str) -> tuple[str, int, dict[str, str]]:
    return _answer("secret")


@app.get("/results")
def list_() -> tuple[str, int, dict[str, str]]:
    return _answer("secret")


@app.get("/admin/<path:rest>")
def admin(rest: str) -> tuple[str, int, dict[str, str]]:
    return _answer("secret")


@app.post("/orders")
def order() -> tuple[str, int, dict[str, str]]:
    return _answer("written")
