"""What is wrong with a command, in one message."""


class CommandError(Exception):
    """A command that cannot be carried out; the message is for the user."""
