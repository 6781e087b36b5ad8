"""Heartward's front door: opens at once, and closes at once, whatever lies behind it."""

import gc
import sys

_INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


def main() -> None:
    """Run the command line, and be gone without a word at Ctrl-C."""
    try:
        # Loading it takes half a second, in which Ctrl-C comes as at any other time.
        from deploy.command_line import run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    finally:
        gc.freeze()  # or Python looks through all that was loaded once more before it ends


if __name__ == "__main__":
    main()
