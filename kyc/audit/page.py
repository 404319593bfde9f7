"""An export as one HTML page that a person reads and prints: no script, no outside resource."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html import escape

from kyc.audit.format import Entry, Header, parse_entry, parse_header
from kyc.audit.verify.findings import Exit, Report

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --good: #1a7f37; --bad: #c62828 }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2.5rem auto; max-width: 72rem; padding: 0 1.5rem }
h1 { font-size: 1.5rem; margin: 0 0 .3rem } p { margin: .3rem 0 } code, pre { font: 12px/1.45 ui-monospace, monospace }
pre { background: var(--soft); padding: .8rem 1rem; border-radius: .5rem; overflow-x: auto }
.verdict { border-left: .3rem solid var(--good); padding: .4rem 1rem; margin: 1.2rem 0 }
.verdict.bad { border-color: var(--bad) }
table { border-collapse: collapse; width: 100%; margin-top: 1.2rem; table-layout: fixed }
th { text-align: left; font-weight: 600; position: sticky; top: 0; background: Canvas }
th, td { padding: .45rem .7rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td { overflow-wrap: anywhere }
td:first-child, th:first-child { width: 4.5rem; font-variant-numeric: tabular-nums } .when { width: 11rem }
.gone td { color: var(--bad) } .wrong { background: color-mix(in srgb, var(--bad) 12%, transparent) }
.wrong strong { color: var(--bad); font-weight: 600 }
.was { text-decoration: line-through; opacity: .6 }
summary { cursor: pointer; opacity: .7 }
details code { display: block } @media print { th { position: static } summary { display: none } }
"""


def render(lines: Iterable[bytes], *, report: Report | None = None) -> Iterator[bytes]:
    """From the lines of an export, and what the verifier said about it. Raises format.BadExport."""
    stream = iter(lines)
    header = parse_header(next(stream, b""))
    yield _top(header, report).encode()
    wrong = {f.index: f.message for f in report.findings if f.index is not None} if report else {}
    for line in stream:
        entry = parse_entry(line)
        if entry is not None:
            yield _row(entry, wrong.get(entry.index, "")).encode()
    yield b"</tbody></table></body></html>\n"


def _top(header: Header, report: Report | None) -> str:
    asked = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in header.selection.items()) or "everything"
    what = (
        f"events {header.first} to {header.end - 1}" if header.kind == "range" else "selected events"
    ) + f" of {header.tree_size}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Audit log {escape(header.log)}</title><style>{STYLE}</style></head><body>"
        f"<h1>Audit log <code>{escape(header.log)}</code></h1><p>{escape(what)}; asked for: {escape(asked)}</p>"
        f"{_verdict(report)}<p>Signed checkpoint:</p><pre>{escape(header.checkpoint)}</pre>"
        '<table><thead><tr><th>No.</th><th class="when">When (UTC)</th><th>Who</th><th>Did</th><th>To</th>'
        "<th>Changes</th></tr></thead><tbody>\n"
    )


def _verdict(report: Report | None) -> str:
    if report is None:
        return "<p>For reading. What <code>vouch-verify</code> checks is the export in JSON lines.</p>"
    good = report.exit == Exit.VERIFIED
    said = [*report.checked, *(f"{f.code}: {f.message}" for f in report.findings), *report.notes]
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in said)
    name = "Verified" if good else "Not verified"
    return f'<div class="verdict{"" if good else " bad"}"><strong>{name}</strong><ul>{items}</ul></div>'


def _row(entry: Entry, wrong: str) -> str:
    if entry.event is None:
        return f'<tr class="gone"><td>{entry.index}</td><td colspan="5">deleted from the store</td></tr>\n'
    event = _event(entry.event)
    when = escape(str(event.get("at", ""))[:19].replace("T", " "))
    small = "".join(
        f"<code>{escape(name)} {escape(str(event.get(name)))}</code>"
        for name in ("id", "before", "after", "request_id", "txid")
        if event.get(name) not in (None, "")
    )
    row = '<tr class="wrong">' if wrong else "<tr>"
    said = f"<strong>{escape(wrong)}</strong><br>" if wrong else ""
    return (
        f"{row}<td>{entry.index}</td><td>{when}</td><td>{_text(event, 'actor')}</td><td>{_text(event, 'action')}</td>"
        f"<td>{_text(event, 'object_id')}</td><td>{said}{_changes(event)}"
        f"<details><summary>hashes</summary>{small}<code>leaf {entry.leaf.hex()}</code></details></td></tr>\n"
    )


def _event(raw: bytes) -> dict:
    """A page is also made of exports that were tampered with: show whatever can be shown."""
    try:
        found = json.loads(raw)
    except ValueError:
        found = {"action": "(unreadable)"}
    return found if isinstance(found, dict) else {}


def _object(event: dict, name: str) -> dict:
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _changes(event: dict) -> str:
    changes = _object(event, "changes")
    told = [
        f'{escape(name)}: <span class="was">{_value(pair[0])}</span> {_value(pair[1])}'
        for name, pair in changes.items()
        if isinstance(pair, list) and len(pair) == 2
    ]
    told += [f"{escape(name)}: {_value(value)}" for name, value in _object(event, "detail").items()]
    return "<br>".join(told)


def _value(value: object) -> str:
    if value is None:
        return ""
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _text(event: dict, name: str) -> str:
    """Long names may break where they have a joint."""
    text = escape(str(event.get(name, "")))
    return f"<code>{text.replace('_', '_<wbr>').replace('.', '.<wbr>')}</code>"
