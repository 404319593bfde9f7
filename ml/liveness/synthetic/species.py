"""Attacks by species, each as good as its means allow: the attacker sees what is asked and answers in time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ml.decode import Bare
from ml.liveness.active import draw
from ml.liveness.active.draw import SCREEN, Stream
from ml.liveness.active.fingerprint import difference_hash
from ml.liveness.active.observe import Taken
from ml.liveness.active.types import Beat, Challenge
from ml.liveness.synthetic.camera import encoded_again
from ml.liveness.synthetic.film import Film, film
from ml.liveness.synthetic.performance import Manner, Performance, rehearsed
from ml.liveness.synthetic.portrait import Portrait
from ml.liveness.synthetic.render import View
from ml.liveness.synthetic.scene import Person, Print, Scene, bent, cut_out, flat


@dataclass(frozen=True)
class Case:
    """One try: whose photograph, what is asked, and the dice."""

    portrait: Portrait
    stranger: Portrait
    challenge: Challenge
    seed: int

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)


@lru_cache(maxsize=2)  # half of the species cut up the same film
def rendered_person(case: Case) -> Film:
    """Stands for a bona fide person; also what an injected, well-lit puppet of a photograph would look like."""
    return _filmed(case, Person(case.portrait))


def photo_moved(case: Case) -> Film:
    return _filmed(case, Print(case.portrait, case.stranger, flat(case.portrait), slides=True))


def photo_rotated(case: Case) -> Film:
    return _filmed(case, Print(case.portrait, case.stranger, flat(case.portrait)), stronger=1.4)


def photo_bent(case: Case) -> Film:
    radius = float(case.rng.uniform(1.2, 2.5))  # eye distances: 7.5 to 16 cm
    return _filmed(case, Print(case.portrait, case.stranger, bent(case.portrait, radius)), stronger=1.3)


def cut_out_moving_room(case: Case) -> Film:
    return _filmed(case, Print(case.portrait, case.stranger, cut_out(case.portrait), room_moves=0.8), stronger=1.3)


def cut_out_with_eyes(case: Case) -> Film:
    sheet = cut_out(case.portrait, holes=True)
    return _filmed(case, Print(case.portrait, case.stranger, sheet, behind=case.stranger), stronger=1.2)


def puppet_tinted_everywhere(case: Case) -> Film:
    """A moving head from a photograph, injected; the colours laid over the whole picture."""
    return _filmed(case, Person(case.portrait), everywhere=True)


def puppet_unlit(case: Case) -> Film:
    return _filmed(case, Person(case.portrait), dark=True)


def other_challenge(case: Case) -> Film:
    """A good session for another challenge, played at this one's questions."""
    return _recorded(case, _another(case))


def other_colours(case: Case) -> Film:
    """A session of another nonce that happened to ask the same motions: only the colours differ."""
    stream = Stream(draw.seed(f"colours {case.seed}", b"synthetic"))
    steps = tuple(replace(step, colours=_recoloured(step.colours, stream)) for step in case.challenge.steps)
    return _recorded(case, Challenge(version=case.challenge.version, steps=steps))


def same_frames(case: Case) -> Film:
    """A session that passed, sent again byte for byte under a nonce that would ask the same."""
    original = rendered_person(case)
    return replace(original, known_sha256=frozenset(hashlib.sha256(f.data).hexdigest() for f in original.frames))


def same_frames_encoded_anew(case: Case) -> Film:
    """The same, but every file is new; the look is known from the session that passed."""
    original = rendered_person(case)
    hashes = tuple(difference_hash(Bare().decode(frame.data).pixels) for frame in original.frames)
    return replace(
        original, known_phash=hashes, frames=tuple(replace(f, data=encoded_again(f.data, 70)) for f in original.frames)
    )


def frames_dropped(case: Case) -> Film:
    """A second missing from the middle of a step, as when a passage had to be cut out."""
    whole, rng = rendered_person(case), case.rng
    asked = whole.asked[int(rng.integers(1, len(whole.asked)))]
    start = asked.at + float(rng.uniform(0.2, asked.step.seconds - 1.2))
    return replace(whole, frames=tuple(f for f in whole.frames if not start < f.at < start + 1.0))


def steps_swapped(case: Case) -> Film:
    """The frames of two motion steps exchanged, the timestamps those of the places they were put."""
    whole, rng = rendered_person(case), case.rng
    motions = [one for one in whole.asked if one.step.kind not in ("centre", "colours")]
    first, second = (motions[i] for i in sorted(rng.choice(len(motions), 2, replace=False)))
    a = [i for i, f in enumerate(whole.frames) if first.at <= f.at <= first.until]
    b = [i for i, f in enumerate(whole.frames) if second.at <= f.at <= second.until]
    frames = list(whole.frames)
    for i, j in zip(a, b, strict=False):
        frames[i] = replace(whole.frames[i], data=whole.frames[j].data)
        frames[j] = replace(whole.frames[j], data=whole.frames[i].data)
    return replace(whole, frames=tuple(frames))


def sped_up(case: Case) -> Film:
    """A recording of the right answers played faster, timestamps made even: it ends early and waits."""
    whole, factor = rendered_person(case), float(case.rng.uniform(1.25, 1.6))
    times = [frame.at for frame in whole.frames]
    frames: list[Taken] = []
    end = times[-1] / factor
    for frame in whole.frames:
        source = min(frame.at, end) * factor
        nearest = int(np.argmin([abs(at - source) for at in times]))
        quality = 75 + len(frames) % 16
        frames.append(Taken(at=frame.at, data=encoded_again(whole.frames[nearest].data, quality)))
    return replace(whole, frames=tuple(frames))


def clock_stretched(case: Case) -> Film:
    """The page's clock runs slow so that there is time to render an answer."""
    whole, factor = rendered_person(case), float(case.rng.uniform(1.1, 1.5))
    slow = tuple(Beat(page=beat.page, server=beat.page * factor + 3.0) for beat in whole.beats)
    return replace(whole, beats=slow)


def frozen(case: Case) -> Film:
    """One picture, encoded again for each frame."""
    whole = rendered_person(case)
    first = whole.frames[0].data
    return replace(
        whole,
        frames=tuple(replace(frame, data=encoded_again(first, 60 + i % 36)) for i, frame in enumerate(whole.frames)),
    )


def looped(case: Case) -> Film:
    """Two seconds of looking straight, over and over, encoded again."""
    whole = rendered_person(case)
    return replace(
        whole,
        frames=tuple(
            replace(frame, data=encoded_again(whole.frames[i % 20].data, 60 + i // 20 % 36))
            for i, frame in enumerate(whole.frames)
        ),
    )


def face_exchanged(case: Case) -> Film:
    """The portrait looks straight, somebody else does what is asked."""
    whole = rendered_person(case)
    other = rendered_person(replace(case, portrait=case.stranger))
    until = whole.asked[0].until
    return replace(
        whole, frames=tuple(a if a.at <= until else b for a, b in zip(whole.frames, other.frames, strict=True))
    )


BONA_FIDE: Callable[[Case], Film] = rendered_person
ATTACKS: dict[str, Callable[[Case], Film]] = {
    "photograph moved": photo_moved,
    "photograph rotated": photo_rotated,
    "photograph bent": photo_bent,
    "cut-out, moving room": cut_out_moving_room,
    "cut-out with eye holes": cut_out_with_eyes,
    "puppet, tint on everything": puppet_tinted_everywhere,
    "puppet, no screen light": puppet_unlit,
    "replay of another challenge": other_challenge,
    "session of another nonce (same motions)": other_colours,
    "same frames sent again": same_frames,
    "same frames encoded anew": same_frames_encoded_anew,
    "frames dropped": frames_dropped,
    "steps swapped": steps_swapped,
    "sped up": sped_up,
    "page clock stretched": clock_stretched,
    "frozen picture": frozen,
    "looped clip": looped,
    "face exchanged": face_exchanged,
}


def _filmed(case: Case, scene: Scene, *, stronger: float = 1.0, everywhere: bool = False, dark: bool = False) -> Film:
    rng = case.rng
    asked = rehearsed(case.challenge, rng)
    manner = Manner.of(rng)
    manner = replace(manner, yaw=manner.yaw * stronger, pitch=manner.pitch * stronger)
    return film(
        scene,
        asked,
        Performance.of(asked, manner, case.seed),
        rng=rng,
        view=_place(case),
        everywhere=everywhere,
        dark=dark,
    )


def _place(case: Case) -> View:
    """Nobody sits exactly in the middle, nor twice at the same place."""
    rng = np.random.default_rng([case.seed, 1])
    return View(eyes=float(rng.uniform(54, 70)), x=float(rng.uniform(-0.35, 0.35)), y=float(rng.uniform(-0.25, 0.25)))


def _recorded(case: Case, performed: Challenge) -> Film:
    """Frames of one challenge sent at another one's questions."""
    rng = case.rng
    asked, practised = rehearsed(case.challenge, rng), rehearsed(performed, case.rng)
    return film(
        Person(case.portrait), asked, Performance.of(practised, Manner.of(rng), case.seed), rng=rng, view=_place(case)
    )


def _another(case: Case) -> Challenge:
    number = 0
    while True:
        other = draw.draw(draw.seed(f"other {case.seed} {number}", b"synthetic"))
        if [s.kind for s in other.steps] != [s.kind for s in case.challenge.steps]:
            return other
        number += 1


def _recoloured(colours: tuple[str, ...], stream: Stream) -> tuple[str, ...]:
    names: list[str] = []
    for old in colours:
        names.append(stream.choice([name for name in SCREEN if name not in (*names[-1:], old)]))
    return tuple(names)
