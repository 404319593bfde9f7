from kyc.verifications.diagram import page
from kyc.verifications.states import FINAL, MOVES, SETTLED, State
from tests.data import REPOSITORY


def test_the_page_in_docs_is_drawn_from_the_table():
    assert (REPOSITORY / "docs" / "states.md").read_text() == page()


def test_every_state_is_reachable_and_says_where_it_leads():
    assert set(MOVES) == set(State)
    reached, frontier = {State.CREATED}, [State.CREATED]
    while frontier:
        for to in MOVES[frontier.pop()]:
            if to not in reached:
                reached.add(to)
                frontier.append(to)
    assert reached == set(State)


def test_a_fault_of_ours_never_becomes_approve_or_decline_by_itself():
    assert set(MOVES[State.ERROR]) == {State.PROCESSING, State.IN_REVIEW}


def test_final_states_lead_nowhere_and_nothing_happens_by_itself_in_settled_ones():
    assert all(not MOVES[s] for s in FINAL)
    assert State.PROCESSING not in SETTLED
