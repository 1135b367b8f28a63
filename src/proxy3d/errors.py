"""The one exception that means the input is wrong: its message is a single line a user can act on."""


class BadInput(ValueError):
    """What was found, what was expected, and what to type next, in one line.

    The command line prints the message and exits with 2; anything else that escapes is a defect of ours and exits with 1.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))
