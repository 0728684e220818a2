"""A browser for tests, whose pages must work without errors, within their policy and their origin."""

import re
import shutil
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

LAN_NAME = "renderq.lan"
"""A name that this browser resolves to this machine. Unlike localhost it makes no secure context."""

_ARGUMENTS = (
    "--no-sandbox",  # which the superuser cannot have
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--host-resolver-rules=MAP {LAN_NAME} 127.0.0.1",
)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)


class Tabs:
    """The tabs of one test, and what went wrong in them."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._origins: set[str] = set()
        self._expected = ["status of 503 .*/v1/"]
        """Redis may answer an API on a busy machine too late; pages then try again."""
        self._wrong: list[str] = []

    def open(
        self, url: str, path: str = "/", *, beside: Page | None = None, clock: bool = False, **options: object
    ) -> Page:
        """Open a path of the service at `url`, in the profile of the tab `beside`; `options` are those of a new one.

        `clock`: the test may turn the page's clock.
        """
        self._origins.add(_origin(url))
        page = (beside.context if beside else self._new_context(url, options)).new_page()
        if clock:
            page.clock.install()
        page.goto(url + path)
        return page

    def expect_error(self, pattern: str) -> None:
        """Announce errors that match a regular expression."""
        self._expected.append(pattern)

    def allow_origin(self, url: str) -> None:
        """Let pages load from the origin of a URL."""
        self._origins.add(_origin(url))

    def close(self) -> list[str]:
        """Close all tabs, and return what went wrong in them without having been announced."""
        for context in self._contexts:
            context.close()
        return [each for each in self._wrong if not any(re.search(pattern, each) for pattern in self._expected)]

    def _new_context(self, url: str, options: dict[str, object]) -> BrowserContext:
        context = self._browser.new_context(**{"base_url": url, "locale": "en-US", **options})
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self._wrong.append(f"uncaught: {error.error}"))
        context.on("request", self._on_request)
        self._contexts.append(context)
        return context

    def _on_console(self, message: ConsoleMessage) -> None:
        """Chromium reports violations of the policy and failed requests as errors of the console."""
        if message.type in {"error", "warning"}:
            self._wrong.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _on_request(self, request: Request) -> None:
        if request.url.startswith(("http:", "https:")) and _origin(request.url) not in self._origins:
            self._wrong.append(f"request to another origin: {request.url}")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
