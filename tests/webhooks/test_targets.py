from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.webhooks.addresses import Reach
from kyc.webhooks.targets import Target, UrlRefused, parse

PUBLIC, DEVELOPMENT = Reach(), Reach(private=True)


def test_an_ordinary_url_is_taken_apart():
    assert parse("https://Hooks.Bank.example/in?x=1", PUBLIC) == Target("https", "hooks.bank.example", 443, "/in?x=1")


def test_the_host_header_names_a_port_only_when_it_is_not_the_usual_one():
    assert parse("https://bank.example:443/", PUBLIC).authority == "bank.example"
    assert parse("https://bank.example:8443/", PUBLIC).authority == "bank.example:8443"
    assert parse("https://[2606:4700::1111]:8443/", PUBLIC).authority == "[2606:4700::1111]:8443"


@pytest.mark.parametrize(
    "url",
    [
        "", "bank.example", "//bank.example", "ftp://bank.example", "file:///etc/passwd", "gopher://bank.example",
        "http://bank.example/", "https://", "https:///x", "https://user@bank.example/", "https://u:p@bank.example/",
        "https://bank.example@127.0.0.1/", "https://bank.example/#f", "https://bank.example:22/",
        "https://bank.example:6379/", "https://bank.example:99999/", "https://bank.example:x/",
        "https://bank.example/a b", "https://bank.example/\r\nHost: x", "https://bank\t.example/",
        "https://bank.example\\@127.0.0.1/", " https://bank.example/", "https://bank.example/ü",
        "https://bank..example/", "https://-bank.example/", "https://b%61nk.example/", f"https://{'a' * 64}.example/",
        "https://bank.example/" + "x" * 2048, "https://bank.example/\x00",
    ],
)  # fmt: skip
def test_urls_that_could_be_read_two_ways_or_go_elsewhere_are_refused(url):
    with pytest.raises(UrlRefused):
        parse(url, PUBLIC)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST.", "x.localhost", "db.internal", "printer.local", "router.home.arpa", "intranet",
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]",
        "[fe80::1%25eth0]", "[64:ff9b::7f00:1]", "169.254.169.254", "10.0.0.8", "１２７.0.0.1", "ⓛocalhost",
        "metadata.google.internal",
    ],
)  # fmt: skip
def test_names_and_spellings_that_can_only_point_inwards_are_refused_at_once(host):
    with pytest.raises(UrlRefused):
        parse(f"https://{host}/", PUBLIC)


def test_an_international_name_becomes_its_ascii_form():
    assert parse("https://bücher.example/", PUBLIC).host == "xn--bcher-kva.example"


def test_development_may_use_http_loopback_and_any_port():
    assert parse("http://127.0.0.1:5000/x", DEVELOPMENT) == Target("http", "127.0.0.1", 5000, "/x")
    with pytest.raises(UrlRefused):
        parse("http://169.254.169.254/latest/meta-data", DEVELOPMENT)


@given(st.text(max_size=80))
def test_no_text_makes_the_parser_fail_in_another_way(text):
    for url in (text, f"https://{text}", f"https://bank.example/{text}"):
        try:
            parse(url, PUBLIC)
        except UrlRefused:
            pass
