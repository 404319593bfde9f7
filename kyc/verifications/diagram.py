"""docs/states.md, drawn from the table of moves: `python -m kyc.verifications.diagram > docs/states.md`."""

from __future__ import annotations

from kyc.verifications.states import MOVES, State

WHO = {
    State.PROCESSING: "a worker has the case, or will",
    State.IN_REVIEW: "a person decides",
    State.RESUBMISSION_REQUESTED: "the applicant can mend it with a new picture",
    State.ERROR: "a fault of ours; never a decision",
    State.AWAITING_INPUT: "images or consent are missing",
    State.REOPENED: "an approval is looked at again",
}


def page() -> str:
    """Markdown with a Mermaid picture and the table behind it."""
    return "\n".join(
        [
            "# The states of a verification",
            "",
            "Drawn from `kyc/verifications/states.py`; a test fails when the two differ. Every move is a",
            "compare-and-set (`kyc.verifications.services.move`) and an event that webhooks tell of.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {State.CREATED}",
            *(f"    {was} --> {to}" for was, tos in MOVES.items() for to in tos),
            *(f"    {state} --> [*]" for state, tos in MOVES.items() if not tos),
            "```",
            "",
            "| State | Means | Can become |",
            "|---|---|---|",
            *(
                f"| `{s}` | {WHO.get(s, '')} | {', '.join(f'`{t}`' for t in tos) or 'final'} |"
                for s, tos in MOVES.items()
            ),
            "",
        ]
    )


if __name__ == "__main__":
    print(page(), end="")
