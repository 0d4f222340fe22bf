"""Drives a headless Chromium through its debugging pipe; needs no package beside it."""

from __future__ import annotations

import base64
import io
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_chromium() -> str | None:
    """Return the browser's path, `None` where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """One page in a browser of its own, whose profile lies in a folder that is given."""

    def __init__(self, program: str, profile: Path, *, size: tuple[int, int] = (1280, 900)) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        def wire() -> None:
            # The numbers that the browser reads from and writes to; moved aside first.
            one, other = os.dup(to_browser), os.dup(from_browser)
            os.dup2(one, 3)
            os.dup2(other, 4)

        arguments = [
            *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio"),
            *("--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update"),
            *(f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"),
            *("--remote-debugging-pipe", "about:blank"),
        ]
        self._process = subprocess.Popen(
            arguments, preexec_fn=wire, close_fds=False, stderr=subprocess.DEVNULL
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer, self._number, self._session = b"", 0, None
        self.errors: list[str] = []
        self.requests: list[str] = []
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self._call(f"{domain}.enable")
        self.resize(*size)

    def _call(self, method: str, /, *, seconds: float = 90, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while True:
            answer = self._next(end)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._in, 1 << 20)
            assert piece, "the browser has ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        result: dict[str, Any] = json.loads(message)
        return result

    def _note(self, event: dict[str, Any]) -> None:
        method, told = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(told["exceptionDetails"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def open(self, address: str, *, ready: str = "document.body.dataset.ready === 'yes'") -> None:
        self._call("Page.navigate", url=address)
        self.wait(f"document.body && {ready}")

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        found = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, condition: str, *, seconds: float = 60) -> None:
        """Wait until an expression is true in the page."""
        end = time.monotonic() + seconds
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"{condition} never came true; {self.errors}"
            time.sleep(0.05)

    def resize(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def touching(self) -> None:
        """Be a device with a touch screen and no pointer."""
        self._call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
        self._call("Emulation.setEmitTouchEventsForMouse", enabled=True)

    def type(self, text: str) -> None:
        self._call("Input.insertText", text=text)

    def press(self, key: str, code: int) -> None:
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self._call("Input.dispatchKeyEvent", type=kind, key=key,
                       windowsVirtualKeyCode=code, **text)  # fmt: skip

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        steps = (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end))
        for kind, (x, y) in steps:
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left",
                       buttons=1, clickCount=1)  # fmt: skip

    def touch(self, points: list[tuple[float, float]], *, seconds: float = 0.05) -> None:
        """Put a finger down, move it over points, and lift it."""
        for place, (x, y) in enumerate(points):
            self._call("Input.dispatchTouchEvent", type="touchMove" if place else "touchStart",
                       touchPoints=[{"x": x, "y": y}])  # fmt: skip
        time.sleep(seconds)
        self._call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def choose_file(self, selector: str, path: Path) -> None:
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def forget(self) -> None:
        """Empty what the browser has kept of answers."""
        self._call("Network.clearBrowserCache")

    def screenshot(self, path: Path) -> None:
        picture = self._call("Page.captureScreenshot", format="png")["data"]
        # In 256 colours, which are enough to look at and a third of the bytes.
        whole = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
        whole.quantize(256).save(path, optimize=True)

    def close(self) -> None:
        os.close(self._out)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
