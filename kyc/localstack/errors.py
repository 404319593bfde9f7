"""What can go wrong before a server runs."""


class StackError(RuntimeError):
    """The embedded servers cannot do what was asked; the message says why and what to do."""
