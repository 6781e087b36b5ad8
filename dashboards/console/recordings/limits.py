"""What may be uploaded, and how long anything may take."""

MOST_BYTES = 128 * 1024 * 1024  # ten minutes of 48 kHz stereo in 16 bits, with room
MOST_FILES = 8  # that belong to one recording, as WFDB's do
LONGEST_S = 600.0
MOST_CHANNELS = 2
HIGHEST_RATE_HZ = 96_000

# Of processor time, so that a busy machine makes nobody's recording too long.
START_CPU_S = 60.0
CLASSIFY_CPU_S = 30.0
EXPLAIN_CPU_S = 60.0
MOST_ATTEMPTS = 3
MOST_WORKER_BYTES = 6 * 1024**3  # of addresses; ONNX Runtime maps far more than it uses
MOST_WRITTEN_BYTES = 256 * 1024 * 1024

MOST_EXAMINATIONS = 4  # of one person at a time
EXAMINATION_LONGEST_S = 600.0
EXAMINATION_RATES_HZ = (4000, 8000, 16000, 44100, 48000)
MOST_CHUNK_BYTES = 256 * 1024
FORGOTTEN_AFTER_S = 15 * 60.0  # an examination whose page is gone
REFUSED_SHOWN_S = 24 * 3600.0


def in_words(size_bytes: int) -> str:
    """A size as people say it.

    >>> in_words(134_217_728)
    '128 MiB'
    """
    for unit, bytes_each in (("MiB", 1024**2), ("KiB", 1024)):
        if size_bytes >= bytes_each:
            return f"{size_bytes / bytes_each:.4g} {unit}"
    return f"{size_bytes} bytes"
