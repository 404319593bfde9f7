"""What a webhook URL may look like. Pure: no DNS here; the address itself is judged when it is connected to."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import idna

from kyc.core.errors import Problem
from kyc.webhooks.addresses import Reach

MAX_URL = 2048  # characters; what every HTTP server accepts in a request line
PORTS = frozenset({443, 8443})  # https; other ports are other services, some of which speak enough HTTP to obey
# RFC 6761 and the names clouds and clusters use inside; they could only resolve inwards
INWARD = ("localhost", "local", "internal", "localdomain", "home.arpa")
VISIBLE = re.compile(r"[\x21-\x7e]+")  # printable ASCII without space
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class UrlRefused(Problem):
    status = 422
    code = "webhook_url_refused"
    detail = "Webhooks cannot be sent to this URL."
    next_step = "Give an https URL on port 443 or 8443 whose name resolves to public addresses only."

    def __init__(self, why: str):
        super().__init__(why, fields={"url": [why]})


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart once, so that no second parser can read it differently."""

    scheme: str  # "https", or "http" in development
    host: str  # lower-case ASCII (IDNA 2008), or an IP literal without brackets
    port: int
    path: str  # with the query; begins with "/"

    @property
    def authority(self) -> str:
        """The Host header (RFC 9112 section 3.2): the port only when it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


def parse(url: str, reach: Reach, ports: frozenset[int] = PORTS) -> Target:
    """UrlRefused says which rule the URL breaks. What its name resolves to is not looked up."""
    if len(url) > MAX_URL:
        raise UrlRefused(f"The URL is longer than {MAX_URL} characters.")
    # before urlsplit, which drops tabs and line ends silently
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise UrlRefused("The URL contains characters that must be percent-encoded.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UrlRefused("This is not a URL.") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and reach.private):
        raise UrlRefused("The URL must begin with https://.")
    if "@" in parts.netloc:
        raise UrlRefused("The URL must not carry a user name or password.")
    if parts.fragment or "#" in url:
        raise UrlRefused("The URL must not carry a fragment.")
    host = _host(host, reach)
    port = port if port is not None else {"https": 443, "http": 80}[parts.scheme]
    if port not in ports and not reach.private:
        raise UrlRefused(f"Webhooks are sent to the ports {', '.join(map(str, sorted(ports)))} only.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not VISIBLE.fullmatch(path):
        raise UrlRefused("The URL contains characters that must be percent-encoded.")
    return Target(parts.scheme, host, port, path)


def _host(host: str, reach: Reach) -> str:
    literal = _literal(host)
    if literal is not None:
        if not reach.allows(literal):
            raise UrlRefused("The address is not public.")
        return literal
    try:
        name = idna.encode(host.rstrip("."), uts46=True).decode("ascii") if not host.isascii() else host.rstrip(".")
    except idna.IDNAError:
        raise UrlRefused("The host name is not valid.") from None
    labels = name.split(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise UrlRefused("The host name is not valid.")
    if not reach.private and not reach.networks and _inward(name):
        raise UrlRefused("The host name is not a public one.")
    return name


def _literal(host: str) -> str | None:
    """The canonical spelling of an IP literal; None for a name. A zone is no part of a URL's address."""
    if "%" in host:
        raise UrlRefused("The host name is not valid.")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _inward(name: str) -> bool:
    labels = name.split(".")
    inside = any(f".{name}".endswith(f".{word}") for word in INWARD)
    # a last label that is a number is an IPv4 address in disguise (WHATWG URL, "ends in a number")
    return len(labels) == 1 or inside or bool(re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]))
