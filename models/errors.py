"""The one tree of errors; a class says what becomes of the thing that caused it.

HeartwardError
├── BadInputError        refused at the edge: counted and dead-lettered, never retried
│   ├── ChunkError       an audio chunk or a device's status breaks the wire's rules
│   ├── RecordError      a record on a topic cannot be read
│   └── SignalError      samples that no computation can take (shape, NaN, rate)
├── RetryableError       the other side is away: try again after ``retry_after_s``
└── UserError            one line for the person at the terminal, and a non-zero exit
    ├── ConfigurationError
    └── ModelError       an artifact that is missing, altered or made for another contract
"""


class HeartwardError(Exception):
    """Base of every error that Heartward raises by itself."""


class BadInputError(HeartwardError):
    """Refused for good: the message names the value and the limit."""


class ChunkError(BadInputError):
    pass


class RecordError(BadInputError):
    pass


class SignalError(BadInputError):
    pass


class RetryableError(HeartwardError):
    """Worth another try after ``retry_after_s`` seconds."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UserError(HeartwardError):
    """Says in one line what went wrong, where, and what to do."""


class ConfigurationError(UserError):
    pass


class ModelError(UserError):
    pass
