"""The job protocol in forty lines, and every order in which its steps can happen.

Two workers, a broker that delivers what it likes, a reaper, a clock that only ever says "the lease is over now".
A model is no proof of the code; it shows that the rules suffice, and that each is needed: without the fence, without
counting before the work, or without the compare-and-set of the claim, the same search finds how it goes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

ATTEMPTS = 3
WORKERS = (0, 1)


@dataclass(frozen=True, slots=True)
class Rules:
    fence: bool = True  # a result is written only under the attempt that was claimed
    compare_and_set: bool = True  # a claim takes only what still is pending
    count_before_work: bool = True  # the attempt is counted by the claim, not by the result
    reap: bool = True
    one_claim_one_number: bool = True  # the fence also knows claims apart whose attempts are equal, after a release


@dataclass(frozen=True, slots=True)
class World:
    state: str = "pending"  # of the job: pending, leased, done, quarantined
    attempt: int = 0
    messages: int = 0  # wake-ups in the broker; 2 stands for any number
    published: bool = False
    # each worker: None; ("seen", n): read the job as claimable at attempt n; ("working", n, c): holds the claim c
    workers: tuple = (None, None)
    claims: int = 0  # numbers every claim ever made
    begun: int = 0  # how often work began since a person last looked: what a poison job kills
    released: bool = False  # once is enough to see what a release can do
    decisions: int = 0
    stale: bool = False  # the decision came from a claim that was not the latest


def steps(w: World, rules: Rules, poison: bool) -> Iterator[tuple[str, World]]:
    """Everything that can happen next, as (name, world)."""
    if w.state == "pending" and not w.published:
        yield "relay publishes", replace(w, published=True, messages=min(w.messages + 1, 2))
        yield "relay dies before publishing", replace(w, published=True)
    if w.messages:
        yield "broker forgets", replace(w, messages=0)
    if w.state == "pending" and w.published:
        yield "reconciler finds it forgotten", replace(w, published=False)
    if rules.reap and w.state == "leased":
        if w.attempt >= ATTEMPTS:
            yield "lease ends, quarantine", replace(w, state="quarantined")
        else:
            yield "lease ends, back", replace(w, state="pending", published=False)
    if w.state == "quarantined" and not w.released:
        yield "a person releases it", replace(w, state="pending", attempt=0, begun=0, published=False, released=True)
    for me in WORKERS:
        yield from _worker(w, me, rules, poison)


def _worker(w: World, me: int, rules: Rules, poison: bool) -> Iterator[tuple[str, World]]:
    def i(mine, **changes) -> World:
        workers = tuple(mine if n == me else other for n, other in enumerate(w.workers))
        return replace(w, workers=workers, **changes)

    match w.workers[me]:
        case None:
            if w.messages:
                for left in {w.messages, w.messages - 1}:  # redelivered, or not
                    if w.state == "pending" and w.attempt < ATTEMPTS:
                        yield f"{me} looks", i(("seen", w.attempt), messages=left)
                    else:
                        yield f"{me} finds nothing to do", i(None, messages=left)
        case ("seen", n):
            if not rules.compare_and_set or (w.state == "pending" and w.attempt == n):
                counted, number = n + 1 if rules.count_before_work else n, w.claims + 1
                claim = ("working", counted, number)
                yield f"{me} claims", i(claim, state="leased", attempt=counted, begun=w.begun + 1, claims=number)
            else:
                yield f"{me} loses the race", i(None)
        case ("working", n, number):
            yield f"{me} dies", i(None)
            if poison:
                return  # it always dies
            ours = w.state == "leased" and w.attempt == n and (number == w.claims or not rules.one_claim_one_number)
            if ours or not rules.fence:
                written = {"state": "done", "decisions": w.decisions + 1, "stale": number != w.claims}
                yield f"{me} writes its result", i(None, **written)
            else:
                yield f"{me} is fenced off", i(None)
            if ours:
                again = {"state": "pending", "published": False}
                failed = {"state": "quarantined"} if n >= ATTEMPTS else again
                yield f"{me} fails", i(None, **failed)
                if w.claims < 8:  # a worker can give back for ever; a few times show all there is
                    yield f"{me} gives back", i(None, attempt=n - 1, begun=w.begun - 1, **again)


def wrong(w: World) -> str | None:
    if w.decisions > 1:
        return "two decisions"
    if w.state == "quarantined" and w.decisions:
        return "decided and quarantined"
    if (w.state == "done") != (w.decisions == 1):
        return "done without a decision, or a decision without done"
    if w.stale:
        return "decided by a claim that had been lost"
    if w.begun > ATTEMPTS:
        return "begun too often"
    return None


def explore(rules: Rules, *, poison: bool = False) -> tuple[dict[World, tuple], tuple[str, list[str]] | None]:
    """Every reachable world with how it was reached; and the first wrong one, as (what, the way there)."""
    start = World()
    came: dict[World, tuple] = {start: ()}
    todo = [start]
    while todo:
        world = todo.pop(0)
        for name, after in steps(world, rules, poison):
            if after in came:
                continue
            came[after] = (name, world)
            if problem := wrong(after):
                return came, (problem, _way(came, after))
            todo.append(after)
    return came, None


def _way(came: dict[World, tuple], world: World) -> list[str]:
    names = []
    while came[world]:
        name, world = came[world]
        names.append(name)
    return names[::-1]


def test_no_interleaving_decides_twice_or_begins_too_often():
    worlds, problem = explore(Rules())
    assert problem is None
    assert len(worlds) > 300, "the model has shrunk to something that shows nothing"


def test_a_poison_job_never_begins_a_fourth_time():
    worlds, problem = explore(Rules(), poison=True)
    assert problem is None
    assert max(w.begun for w in worlds) == ATTEMPTS, "and after a person released it, three more"
    assert any(w.state == "quarantined" for w in worlds)


@pytest.mark.parametrize("poison", [False, True])
def test_from_everywhere_there_is_a_way_to_the_end(poison):
    """Never lost: whatever happened, some order of steps still ends in done or quarantine."""
    worlds, _ = explore(Rules(), poison=poison)
    before: dict[World, set[World]] = {w: set() for w in worlds}
    for w in worlds:
        for _, after in steps(w, Rules(), poison):
            before[after].add(w)
    reaching = [w for w in worlds if w.state in ("done", "quarantined")]
    seen = set(reaching)
    while reaching:
        for earlier in before[reaching.pop()] - seen:
            seen.add(earlier)
            reaching.append(earlier)
    assert seen == set(worlds)


def test_without_the_fence_a_late_worker_decides_again():
    _, problem = explore(Rules(fence=False))
    what, way = problem
    assert "decision" in what or "decided" in what
    assert any("lease ends" in step for step in way), "the late worker is one whose lease had ended"


def test_without_the_compare_and_set_two_workers_hold_the_same_attempt():
    _, problem = explore(Rules(compare_and_set=False))
    assert problem is not None


def test_a_fence_of_attempts_alone_lets_a_late_worker_in_after_a_release():
    what, way = explore(Rules(one_claim_one_number=False))[1]
    assert what == "decided by a claim that had been lost"
    assert "a person releases it" in way


def test_without_counting_first_poison_goes_on_for_ever():
    _, problem = explore(Rules(count_before_work=False), poison=True)
    what, _ = problem
    assert what == "begun too often"


def test_without_the_reaper_a_dead_workers_job_is_lost():
    rules = Rules(reap=False)
    worlds, _ = explore(rules, poison=True)
    stuck = [w for w in worlds if w.state == "leased" and w.workers == (None, None)]
    assert stuck and not any(after.state != "leased" for w in stuck for _, after in steps(w, rules, True))
