"""What may go wrong with a runtime driver. Whatever else it raises is a fault of its own."""


class RuntimeFailure(Exception):
    """A driver could not do what was asked.

    RuntimeFailure
     ├ StartFailed          the program cannot be started: a fault of the spec or of the machine's files
     ├ NoSuchContainer      the id is unknown (never started, or removed)
     ├ StdinNotOpen         the container's program reads from nobody
     └ RuntimeUnavailable   the driver is out of reach for now; repeat later, every verb is idempotent
    """


class StartFailed(RuntimeFailure):
    """The program could not be executed; no container exists afterwards.

    `errno` is the system's code (ENOENT, EACCES, ENOEXEC, …); the message names the file or folder at fault.
    """

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        self.errno = errno


class NoSuchContainer(RuntimeFailure):
    """The id is unknown."""


class StdinNotOpen(RuntimeFailure):
    """The container was started without stdin, or its stdin has ended."""


class RuntimeUnavailable(RuntimeFailure):
    """The driver cannot be reached now."""
