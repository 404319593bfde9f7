"""The states of a delivery, and the moves between them."""

PENDING = "pending"  # not tried yet, or waiting for the object's earlier event
DELIVERING = "delivering"  # an attempt is under way, under a lease
FAILED = "failed"  # the last attempt failed; the next one has a time
DELIVERED = "delivered"  # the receiver answered 2xx
ABANDONED = "abandoned"  # given up; only a person's resend sends it again

MOVES: dict[str, tuple[str, ...]] = {
    PENDING: (DELIVERING, ABANDONED),
    # to itself: another worker takes over an attempt whose lease ran out
    DELIVERING: (DELIVERING, DELIVERED, FAILED, ABANDONED),
    FAILED: (DELIVERING, ABANDONED),
    DELIVERED: (),
    ABANDONED: (),
}
OPEN = tuple(state for state, moves in MOVES.items() if moves)
CLOSED = tuple(state for state, moves in MOVES.items() if not moves)
