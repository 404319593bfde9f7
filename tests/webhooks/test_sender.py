"""Against hostile receivers, all on loopback. The resolver is the attacker's DNS."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kyc.webhooks.addresses import Reach
from kyc.webhooks.sender import MAX_RESPONSE, Sender
from tests.support.receiver import Receiver

OPEN = Reach(private=True)
BODY = b'{"id":"evt_1"}'


def post(sender: Sender, url: str):
    return sender.send(url, body=BODY, headers={"Vouch-Event-Id": "evt_1"})


class DNS:
    """Answers a look-up with the next of its answers, the last one for ever."""

    def __init__(self, *answers: list[str] | Exception):
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> list[str]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


class Raw:
    """A TCP server that says `script(connection)` to whoever connects."""

    def __init__(self, script):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.script, self.connections = script, 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with connection:
            try:
                self.script(connection)
            except OSError:
                pass  # the sender hung up, as it should

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"


def slowly(data: bytes, *, every: float, then: bytes = b""):
    def script(connection):
        connection.recv(65536)
        if then:
            connection.sendall(then)
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(every)

    return script


def test_a_receiver_gets_the_body_as_it_was_signed():
    with Receiver() as receiver:
        outcome = post(Sender(reach=OPEN), receiver.url + "?a=b%20c")
        (got,) = receiver.wait(1)
    assert outcome.delivered and outcome.status == 200 and outcome.address == "127.0.0.1"
    assert got.body == BODY and got.path == "/hooks?a=b%20c"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}" and got.headers["vouch-event-id"] == "evt_1"


# --- where it goes -----------------------------------------------------------------------------------


def test_a_name_that_resolves_inwards_is_refused_before_a_connection():
    with Receiver() as receiver:
        outcome = post(
            Sender(resolver=DNS(["127.0.0.1"]), ports=frozenset({receiver.port})),
            f"https://bank.example:{receiver.port}/",
        )
        assert outcome.error == "address_refused" and outcome.address is None
        assert receiver.received == []


def test_one_inward_address_among_public_ones_refuses_them_all():
    outcome = post(Sender(resolver=DNS(["93.184.216.34", "10.0.0.1"])), "https://bank.example/")
    assert outcome.error == "address_refused" and outcome.address is None


def test_dns_rebinding_finds_no_second_look_up():
    """First an allowed answer, then the metadata service: the socket goes to the first, whatever comes after."""
    with Receiver() as receiver:
        dns = DNS(["127.0.0.1"], ["169.254.169.254"])
        sender = Sender(reach=Reach(private=True), resolver=dns)
        outcome = post(sender, f"http://rebinding.example:{receiver.port}/")
        assert outcome.delivered and outcome.address == "127.0.0.1" and dns.asked == 1
        assert receiver.received[0].headers["host"] == f"rebinding.example:{receiver.port}"


def test_dns_that_rebinds_between_two_deliveries_is_judged_again():
    with Receiver() as receiver:
        sender = Sender(reach=Reach(private=True), resolver=DNS(["127.0.0.1"], ["169.254.169.254"]))
        url = f"http://rebinding.example:{receiver.port}/"
        assert post(sender, url).delivered
        assert post(sender, url).error == "address_refused"
        assert len(receiver.received) == 1


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "http://[::1]/", "//10.0.0.1/", "/x"])
def test_redirects_are_not_followed(target):
    def redirect(handler):
        handler.send_response(307)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with Receiver(answers=[redirect]) as receiver:
        outcome = post(Sender(reach=OPEN), receiver.url)
        assert outcome.error == "redirect" and outcome.status == 307
        assert len(receiver.received) == 1


def test_proxies_named_in_the_environment_are_not_used(monkeypatch):
    with Raw(slowly(b"", every=0)) as proxy, Receiver() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert post(Sender(reach=OPEN), receiver.url).delivered
        assert proxy.connections == 0


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"])
def test_odd_spellings_of_loopback_are_judged_as_what_they_resolve_to(host):
    """Past the URL rule, on purpose: an operator who opened a network has no name rule, only the address rule."""
    reach = Reach(networks=(ipaddress.ip_network("10.20.0.0/16"),))
    outcome = post(Sender(reach=reach), f"https://{host}/")
    assert outcome.error == "address_refused"


def test_the_second_address_is_tried_when_nobody_listens_on_the_first():
    with Receiver() as receiver:
        sender = Sender(reach=OPEN, resolver=DNS(["127.0.0.2", "127.0.0.1"]))
        outcome = post(sender, f"http://bank.example:{receiver.port}/")
        assert outcome.delivered and outcome.address == "127.0.0.1"


# --- how long it takes -------------------------------------------------------------------------------


def test_a_receiver_that_answers_byte_by_byte_is_cut_off_in_time():
    with Raw(slowly(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 100, every=0.05)) as server:
        outcome = post(Sender(reach=OPEN, total=0.5), server.url)
    assert outcome.error == "timeout" and 0.4 < outcome.duration < 1.5


def test_a_body_that_trickles_for_ever_costs_two_seconds_and_changes_nothing():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    with Raw(slowly(b"x" * 1000, every=0.05, then=head)) as server:
        outcome = post(Sender(reach=OPEN), server.url)
    assert outcome.delivered and outcome.duration < 3


def test_a_receiver_that_never_answers_is_cut_off_in_time():
    with Raw(lambda connection: time.sleep(5)) as server:
        outcome = post(Sender(reach=OPEN, total=0.3), server.url)
    assert outcome.error == "timeout" and outcome.duration < 1.5


def test_informational_answers_without_end_are_cut_off_in_time():
    def script(connection):
        while True:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            time.sleep(0.01)

    with Raw(script) as server:
        outcome = post(Sender(reach=OPEN, total=0.4), server.url)
    assert outcome.error == "timeout" and outcome.duration < 1.5


def test_a_dns_server_that_does_not_answer_is_cut_off_in_time():
    def dead(host, port):
        time.sleep(3)
        return ["127.0.0.1"]

    outcome = post(Sender(reach=OPEN, total=0.3, resolver=dead), "http://bank.example/")
    assert outcome.error == "unresolved" and outcome.duration < 1.5


# --- what comes back ---------------------------------------------------------------------------------


def test_of_a_huge_body_only_the_beginning_is_read():
    sent = 0

    def script(connection):
        nonlocal sent
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        while sent < 200_000_000:
            sent += connection.send(b"x" * 65536)

    with Raw(script) as server:
        outcome = post(Sender(reach=OPEN), server.url)
    time.sleep(0.1)
    assert outcome.delivered and sent < 40 * MAX_RESPONSE  # what fits into the kernel's buffers beyond it


def test_headers_without_end_are_refused():
    def script(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: " + b"y" * 8000 + b"\r\n")

    with Raw(script) as server:
        assert post(Sender(reach=OPEN, total=3), server.url).error == "protocol"


@pytest.mark.parametrize("noise", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02", b"+OK\r\n" * 10])
def test_what_is_not_http_is_a_protocol_error(noise):
    def script(connection):
        connection.recv(65536)
        connection.sendall(noise)

    with Raw(script) as server:
        assert post(Sender(reach=OPEN), server.url).error == "protocol"


@pytest.mark.parametrize(("status", "error"), [(204, None), (299, None), (400, "status"), (500, "status")])
def test_only_2xx_is_delivered(status, error):
    with Receiver(answers=[status]) as receiver:
        outcome = post(Sender(reach=OPEN), receiver.url)
    assert (outcome.status, outcome.error) == (status, error)


def test_a_pause_asked_for_is_reported():
    def busy(handler):
        handler.send_response(429)
        handler.send_header("Retry-After", "120")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with Receiver(answers=[busy]) as receiver:
        assert post(Sender(reach=OPEN), receiver.url).retry_after == 120


def test_nobody_listening_and_no_such_name_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert post(Sender(reach=OPEN), f"http://127.0.0.1:{port}/").error == "connect"
    gone = DNS(socket.gaierror(-2, "no such name"))
    assert post(Sender(resolver=gone), "https://bank.example/").error == "unresolved"
    assert post(Sender(resolver=DNS([])), "https://bank.example/").error == "unresolved"


# --- TLS ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority, and a server certificate for hooks.bank.example."""
    folder = tmp_path_factory.mktemp("tls")
    root_key, root = _certificate("Test authority")
    key, leaf = _certificate("hooks.bank.example", issuer=(root_key, root))
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(pem + leaf.public_bytes(serialization.Encoding.PEM))
    return folder


def _certificate(name, issuer=None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    authority_key = issuer[0] if issuer else key
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[1].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return key, built.sign(authority_key, hashes.SHA256())


@pytest.fixture
def tls_receiver(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    with Receiver(tls=context) as receiver:
        yield receiver


def tls_sender(authority, **kwargs):
    return Sender(reach=OPEN, resolver=DNS(["127.0.0.1"]), ca_file=str(authority / "ca.pem"), **kwargs)


def test_the_certificate_is_checked_against_the_name_though_the_socket_went_to_an_address(authority, tls_receiver):
    outcome = post(tls_sender(authority), f"https://hooks.bank.example:{tls_receiver.port}/")
    assert outcome.delivered and outcome.address == "127.0.0.1"


def test_a_certificate_for_another_name_is_refused(authority, tls_receiver):
    assert post(tls_sender(authority), f"https://other.example:{tls_receiver.port}/").error == "tls"
    assert tls_receiver.received == []


def test_a_certificate_of_an_unknown_authority_is_refused(tls_receiver):
    sender = Sender(reach=OPEN, resolver=DNS(["127.0.0.1"]))
    assert post(sender, f"https://hooks.bank.example:{tls_receiver.port}/").error == "tls"
    assert tls_receiver.received == []


def test_a_tls_handshake_that_stalls_is_cut_off_in_time(authority):
    with Raw(lambda connection: time.sleep(5)) as server:
        outcome = post(tls_sender(authority, total=0.3), f"https://hooks.bank.example:{server.port}/")
    assert outcome.error == "timeout" and outcome.duration < 1.5
