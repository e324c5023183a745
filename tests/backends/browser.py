"""A real browser: Debian's Chromium without a window, driven over its DevTools protocol.

    with browser(folder, "portal.example") as page:        # that name is this machine's loopback for it
        page.go("http://portal.example:8080/login")
        page.fill("[name=user]", "nurse")
        page.submit("form")
        assert "Welcome" in page.text()
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.backends.packages import needs
from tests.backends.processes import started
from tests.backends.upstream import until
from tests.backends.wire import PATIENCE

_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
          "--disable-features=HttpsUpgrades", "--remote-debugging-port=0", "--remote-allow-origins=*"]
_START = 120.0


class Page:
    """One tab. Each method that leads elsewhere returns when the new page has loaded."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._session = ""
        self._number = 0
        # The document that has loaded last. Each has a loader of its own.
        self._loaded = ""
        self._tab = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=self._tab, flatten=True)["sessionId"]
        self._call("Page.enable")
        self._call("Page.setLifecycleEventsEnabled", enabled=True)
        self._call("Network.enable")

    def go(self, url: str) -> None:
        """Open a page."""
        opened = self._call("Page.navigate", url=url)
        assert not opened.get("errorText"), opened
        while self._loaded != opened["loaderId"]:
            self._receive()

    def fill(self, selector: str, text: str) -> None:
        """Write into a field of a form."""
        self.run(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    def submit(self, selector: str) -> None:
        """Send the form that an element belongs to, as a click on its button does."""
        before = self._loaded
        self.run(f"(e => (e.form || e).requestSubmit())(document.querySelector({json.dumps(selector)}))")
        while self._loaded == before:
            self._receive()

    def text(self) -> str:
        """What the page shows."""
        return str(self.run("document.body.innerText"))

    def place(self) -> str:
        """The address of the page."""
        return str(self.run("location.href"))

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        found = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def cookies(self) -> dict[str, str]:
        """Every cookie that the browser holds for the page: name → path."""
        return {one["name"]: one["path"] for one in self._call("Network.getCookies")["cookies"]}

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        while (answer := self._receive()).get("id") != self._number:
            pass
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _receive(self) -> dict[str, Any]:
        message = json.loads(self._socket.recv(PATIENCE))
        said = message.get("params", {})
        if message.get("method") == "Page.lifecycleEvent" and (said["name"], said["frameId"]) == ("load", self._tab):
            self._loaded = said["loaderId"]
        return dict(message)


@contextmanager
def browser(folder: Path, *names: str) -> Iterator[Page]:
    """A tab of a browser that holds nothing yet. It finds these host names on loopback."""
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in names)
    command = [needs("chromium"), *_FLAGS, f"--host-resolver-rules={rules}", f"--user-data-dir={folder}"]
    port = folder / "DevToolsActivePort"
    with (folder / "output").open("wb") as output, started(
            [*command, "about:blank"], stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process:
        until(lambda: process.poll() is not None or (port.exists() and port.read_text().count("\n") > 0),
              "the browser does not start", _START)
        assert process.poll() is None, (folder / "output").read_text()[-2000:]
        number, path = port.read_text().splitlines()[:2]
        with connect(f"ws://127.0.0.1:{number}{path}", max_size=None) as socket:
            yield Page(socket)
