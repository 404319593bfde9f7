"""After the storm: was anything lost, doubled, disordered or left behind? Every question is one row of the report."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise

import psycopg

from kyc.localstack import StackError
from kyc.localstack.service import ROOT
from kyc.verifications.states import MOVES, State
from tests.faults.conductor import LEASE, Run


@dataclass(frozen=True, slots=True)
class Row:
    question: str
    of: int  # how many were looked at
    wrong: int
    examples: tuple[str, ...] = ()

    def as_json(self) -> dict:
        return asdict(self)


def count(run: Run) -> list[Row]:
    with psycopg.connect(run.service.stack.urls.superuser, autocommit=True) as c:
        counting = Counting(run, c)
        return [question() for question in counting.questions()]


class Counting:
    def __init__(self, run: Run, c: psycopg.Connection):
        self.run, self.c = run, c
        tenants = [b.tenant for b in run.banks]
        self.told = {id_: case for bank in run.banks for id_, case in bank.cases.items()}
        self.cases = dict(
            self._pairs("select id, state from verifications_verification where tenant_id = any(%s)", tenants)
        )
        self.submissions = dict(self._pairs("select id, submission from verifications_verification", None))
        self.events = self.c.execute(
            "select object_id, sequence, status, id, tenant_id from webhooks_event where object_type = 'verification'"
            " order by object_id, sequence").fetchall()  # fmt: skip
        self.jobs = self.c.execute(
            "select id, subject_id, state, attempt, kind, (payload->>'submission')::int from outbox_job"
            " where subject_type = 'verification'").fetchall()  # fmt: skip

    def _pairs(self, query: str, value) -> list:
        return self.c.execute(query, [value] if value is not None else None).fetchall()

    def questions(self) -> Iterator[Callable[[], Row]]:
        yield self.came_to_rest
        yield self.every_accepted_case_exists
        yield self.accepted_is_terminal_or_quarantined
        yield self.submissions_are_what_was_accepted
        yield self.one_decision_per_submission
        yield self.the_outcome_is_the_scripts
        yield self.attempts_are_capped
        yield self.the_poison_is_quarantined
        yield self.one_audit_event_per_change
        yield self.one_audit_event_per_decision
        yield self.event_numbers_have_no_gap
        yield self.events_tell_a_legal_story
        yield self.every_event_arrived
        yield self.events_arrived_in_order
        yield self.signatures_were_right
        yield self.answers_were_right
        yield self.no_lease_is_held
        yield self.no_file_without_a_row
        yield self.the_audit_log_verifies

    # -- lost? ------------------------------------------------------------------------------------------

    def came_to_rest(self) -> Row:
        left = self.c.execute("select id, kind, state, reason from outbox_job where state in ('pending', 'leased')"
                              " and kind <> 'canary'").fetchall()  # fmt: skip
        return row("everything came to rest", len(self.jobs), map(str, left))

    def every_accepted_case_exists(self) -> Row:
        lost = set(self.told) - set(self.cases)
        doubled = set(self.cases) - set(self.told)
        wrong = [*(f"lost {i}" for i in lost), *(f"never answered for {i}" for i in doubled)]
        return row("each accepted case exists, and no other", len(self.told), wrong)

    def accepted_is_terminal_or_quarantined(self) -> Row:
        quarantined = {subject for _, subject, state, *_ in self.jobs if state == "quarantined"}
        scripted = {i for i, case in self.told.items() if case.outcome == "error"}
        wrong = []
        for id_, state in self.cases.items():
            ended = state in ("approved", "declined", "in_review", "resubmission_requested", "canceled")
            explained = state == "error" and (id_ in quarantined or id_ in scripted)
            if not ended and not explained:
                wrong.append(f"{id_} is {state}")
        return row("accepted = terminal + quarantined", len(self.cases), wrong)

    # -- doubled? -----------------------------------------------------------------------------------------

    def submissions_are_what_was_accepted(self) -> Row:
        wrong = [f"{i}: told {c.submissions}, stored {self.submissions.get(i)}" for i, c in self.told.items()
                 if c.submissions != self.submissions.get(i)]  # fmt: skip
        return row("submissions stored = submissions accepted", len(self.told), wrong)

    def one_decision_per_submission(self) -> Row:
        made = defaultdict(int)
        for id_, number in self.c.execute("select verification_id, submission from verifications_decision"):
            made[id_, number] += 1
        given_up = {(subject, number) for _, subject, state, _, _, number in self.jobs if state == "quarantined"}
        due = {(i, n) for i, last in self.submissions.items() if i in self.told for n in range(1, last + 1)} - given_up
        wrong = [f"{key}: {made.get(key, 0)} decisions" for key in due if made.get(key, 0) != 1]
        wrong += [f"{key}: decided and quarantined" for key in given_up if made.get(key, 0)]
        return row("exactly one decision per submission", len(due), wrong)

    def the_outcome_is_the_scripts(self) -> Row:
        scripted = {i: c for i, c in self.told.items() if c.outcome and not c.canceled and c.submissions}
        quarantined = {subject for _, subject, state, *_ in self.jobs if state == "quarantined"}
        wrong = [f"{i}: {self.cases.get(i)}, not {c.outcome}" for i, c in scripted.items()
                 if self.cases.get(i) != c.outcome and i not in quarantined]  # fmt: skip
        wrong += [f"{i}: {self.cases.get(i)}, not canceled" for i, c in self.told.items()
                  if c.canceled and self.cases.get(i) != "canceled"]  # fmt: skip
        return row("the outcome is the one that was asked for", len(scripted), wrong)

    # -- attempts -----------------------------------------------------------------------------------------

    def attempts_are_capped(self) -> Row:
        return row(
            "no job had more than three attempts", len(self.jobs), [f"{j[0]}: {j[3]}" for j in self.jobs if j[3] > 3]
        )

    def the_poison_is_quarantined(self) -> Row:
        poisoned = [i for i, c in self.told.items() if c.poisoned]
        found = {subject: (state, attempt) for _, subject, state, attempt, *_ in self.jobs}
        wrong = [f"{i}: {found.get(i)}" for i in poisoned if found.get(i) != ("quarantined", 3)]
        return row("poison is in quarantine after three attempts", len(poisoned), wrong)

    # -- told once, in order ------------------------------------------------------------------------------

    def one_audit_event_per_change(self) -> Row:
        """A case changes state only together with an event to its bank: both tell the same number of changes."""
        audited = dict(self._pairs(
            "select object_id, count(*) from audit_event where object_type = 'verifications_verification'"
            " and changes ? 'state' group by 1", None))  # fmt: skip
        emitted: dict[str, int] = defaultdict(int)
        for object_id, *_ in self.events:
            emitted[object_id] += 1
        # the insert as `created` is audited and emits nothing
        wrong = [
            f"{i}: {audited.get(i)} audited, {emitted[i]} emitted"
            for i in self.cases
            if audited.get(i) != emitted[i] + 1
        ]
        return row("one audit event and one webhook event per change", sum(emitted.values()), wrong)

    def one_audit_event_per_decision(self) -> Row:
        wrong = self.c.execute(
            "select d.id from verifications_decision d where 1 <> (select count(*) from audit_event e"
            " where e.object_type = 'verifications_decision' and e.object_id = d.id)").fetchall()  # fmt: skip
        (total,) = self.c.execute("select count(*) from verifications_decision").fetchone()
        return row("one audit event per decision", total, map(str, wrong))

    def event_numbers_have_no_gap(self) -> Row:
        numbers: dict[str, list[int]] = defaultdict(list)
        for object_id, sequence, *_ in self.events:
            numbers[object_id].append(sequence)
        wrong = [f"{i}: {n}" for i, n in numbers.items() if n != list(range(1, len(n) + 1))]
        return row("events of an object are numbered without a gap", len(numbers), wrong)

    def events_tell_a_legal_story(self) -> Row:
        stories: dict[str, list[str]] = defaultdict(lambda: ["created"])
        for object_id, _, status, *_ in self.events:
            stories[object_id].append(status)
        wrong = []
        for id_, story in stories.items():
            legal = all(State(b) in MOVES[State(a)] for a, b in pairwise(story))
            if not legal or story[-1] != self.cases.get(id_, story[-1]):
                wrong.append(f"{id_}: {story}, stored {self.cases.get(id_)}")
        return row("the events tell each case's legal story to its state", len(stories), wrong)

    def every_event_arrived(self) -> Row:
        wrong, total = [], 0
        for tenant, receiver in self.run.receivers.items():
            got = {r.event["id"] for r in receiver.received}
            sent = {e[3] for e in self.events if e[4] == tenant} - self._abandoned(tenant)
            total += len(sent)
            wrong += [f"{i} never arrived" for i in sent - got] + [f"{i} unknown" for i in self._foreign(got, tenant)]
        return row("every event arrived or is in quarantine, and none that never was", total, wrong)

    def _abandoned(self, tenant: str) -> set[str]:
        """Deliveries in quarantine: their worker died three times. They are listed, and sent again when asked for."""
        query = (
            "select d.event_id from webhooks_delivery d join outbox_job j on j.subject_id = d.id"
            " where d.tenant_id = %s and d.state = 'abandoned' and j.state = 'quarantined'"
        )
        rows = self.c.execute(query, [tenant])
        return {i for (i,) in rows}

    def _foreign(self, got: set[str], tenant: str) -> set[str]:
        own = {i for (i,) in self.c.execute("select id from webhooks_event where tenant_id = %s", [tenant])}
        return got - own

    def events_arrived_in_order(self) -> Row:
        wrong, objects = [], 0
        for receiver in self.run.receivers.values():
            first: dict[str, list[int]] = defaultdict(list)
            for received in receiver.received:
                event = received.event
                if event["sequence"] not in first[event["object"]["id"]]:
                    first[event["object"]["id"]].append(event["sequence"])
            objects += len(first)
            wrong += [f"{i}: {numbers}" for i, numbers in first.items() if numbers != sorted(numbers)]
        return row("none out of order per object, as received", objects, wrong)

    def signatures_were_right(self) -> Row:
        received = [r for receiver in self.run.receivers.values() for r in receiver.received]
        return row("every delivery was signed", len(received), [r.event["id"] for r in received if not r.verified])

    def answers_were_right(self) -> Row:
        replays = sum(bank.seen["replayed"] for bank in self.run.banks)
        return row(
            "replays identical, twins one, other bodies refused", replays, [w for b in self.run.banks for w in b.wrong]
        )

    # -- left behind --------------------------------------------------------------------------------------

    def no_lease_is_held(self) -> Row:
        held = self.c.execute("select id, kind from outbox_job where state = 'leased' and lease_until < now()"
                              f" - interval '{LEASE + 5} seconds'").fetchall()  # fmt: skip
        return row("no lease is held", len(self.jobs), map(str, held))

    def no_file_without_a_row(self) -> Row:
        """The janitor with its clock put on by two days, then every file must have its row and every row its file."""
        env = self.run.service.env(cross_tenant=True, process="manage")
        done = subprocess.run([sys.executable, "-m", "tests.faults.janitor"], cwd=ROOT, env=env, capture_output=True,
                              text=True, check=False)  # fmt: skip
        if done.returncode:
            return row("no file without a row", 0, [done.stderr[-500:]])
        root = self.run.service.home / "evidence"
        files = {str(p.relative_to(root)) for p in root.glob("??/??/*")}
        rows = {k for (k,) in self.c.execute("select object_key from evidence_media where object_key is not null")}
        return row("no file without a row, no row without its file", len(files), sorted(files ^ rows))

    def the_audit_log_verifies(self) -> Row:
        (events,) = self.c.execute("select count(*) from audit_event").fetchone()
        try:
            self.run.service.manage("audit", "seal", cross_tenant=True)
            self.run.service.manage("audit", "verify", cross_tenant=True)
        except StackError as e:
            return row("the audit log seals and verifies", events, [str(e)[-800:]])
        (sealed,) = self.c.execute("select count(*) from audit_leaf").fetchone()
        (later,) = self.c.execute("select count(*) from audit_event").fetchone()
        return row(
            "the audit log seals and verifies",
            sealed,
            [f"{events - sealed} unsealed"] if not events <= sealed <= later else [],
        )


def row(question: str, of: int, wrong) -> Row:
    wrong = list(wrong)
    return Row(question, of, len(wrong), tuple(wrong[:5]))
