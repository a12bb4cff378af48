"""HTTP requests with retries, which never send a secret unencrypted."""

from __future__ import annotations

import errno
import random
import socket
import ssl
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import httpx2

from e2lm_ingestion.errors import OrganizerError

BUSY = frozenset({429, 503})  # statuses that say that the server did nothing
RETRIED = BUSY | {408, 425, 500, 502, 504, 529}
ATTEMPTS = 5
FIRST_WAIT = 1.0  # seconds; doubled each time
LONGEST_WAIT = 60.0  # seconds, even if the server asks for more
UNREACHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)  # errors before the request arrived
_REASONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (socket.gaierror, "no server of that name is known here"),
    (ConnectionRefusedError, "nothing answers there, the connection is refused"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted here"),
    ((httpx2.TimeoutException, TimeoutError), "no answer in time"),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError), "the connection was broken off"),
)
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def send(
    client: httpx2.Client,
    method: str,
    url: str,
    *,
    repeatable: bool = True,
    first_wait: float = FIRST_WAIT,
    **request: Any,  # noqa: ANN401 (what httpx2 takes)
) -> httpx2.Response:
    """Send a request, up to 5 times where the server is busy or the connection breaks.

    A request that is not `repeatable` is sent again only when the server cannot have processed it. Returns the last
    response, whatever its status; raises OrganizerError naming the address when there is none.
    """
    wait = first_wait
    for attempt in range(1, ATTEMPTS + 1):
        last = attempt == ATTEMPTS
        try:
            response = client.request(method, url, **request)
        except UNREACHED as error:
            if last:
                raise OrganizerError(no_connection(shown(url), error, "the address")) from None
        except httpx2.TransportError as error:
            if last or not repeatable:
                done = "" if repeatable else "; the server may have processed it: check before you try again"
                raise OrganizerError(no_connection(shown(url), error, "the address") + done) from None
        except (httpx2.InvalidURL, ValueError) as error:
            raise OrganizerError(f"{shown(url)}: not an address ({_message(error)}); write https://HOST/...") from None
        else:
            if last or response.status_code not in (RETRIED if repeatable else BUSY):
                return response
            wait = max(wait, _asked_wait(response))
        time.sleep(min(wait, LONGEST_WAIT) * random.uniform(0.8, 1.2))
        wait *= 2
    raise AssertionError("the last attempt returns or raises")


def no_connection(at: str, error: httpx2.TransportError, what: str) -> str:
    """Message for a failed or lost connection to `at`, with a remedy; `what` names the setting of the address."""
    parts = urlsplit(at)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not parts.hostname or urllib.request.proxy_bypass(parts.hostname):
        proxy = None
    state = "no connection" if isinstance(error, UNREACHED) else "the connection broke"
    through = f" through the proxy {shown(proxy)}" if proxy else ""
    checked = "the network and the proxy (HTTPS_PROXY)"
    if parts.hostname in LOOPBACK and not proxy:
        checked = "that a server runs there"
    return f"{at}: {state}{through}: {_why(error)}; check {what}, and {checked}"


def _why(error: BaseException) -> str:
    """The reason of an httpx2 error in plain words, taken from its cause, which is more specific."""
    beneath: BaseException | None = error
    while beneath is not None:
        for kinds, reason in _REASONS:
            if isinstance(beneath, kinds):
                return reason
        if isinstance(beneath, OSError) and beneath.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return "it cannot be reached from this machine"
        beneath = beneath.__cause__ or beneath.__context__
    return _message(error)


def check_address(url: str, *, secret: bool) -> None:
    """Raise OrganizerError for an invalid address, or one to which a secret would be sent unencrypted."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OrganizerError(f"{url[:100]!a}: not an address; write https://HOST/...")
    if secret and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise OrganizerError(f"{shown(url)}: a key or password would be sent unencrypted; write https://")


def shown(url: str) -> str:
    """An address without its query, which is a secret in signed addresses, and without a password."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ascii(url[:60])
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"[:200]


def _asked_wait(response: httpx2.Response) -> float:
    """Seconds that the server asks to wait; 0 if it does not or gives a date."""
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else 0.0


def _message(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
