"""How a process of ours ends: one line for what went wrong, and gone at once."""

import gc
import sys
from collections.abc import Callable

from models.errors import UserError


def exit_code(run: Callable[[], object]) -> int:
    """Run to the end of the process; 0, or 1 after a line on standard error that says why."""
    try:
        run()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        # Else Python looks through all that was ever loaded for cycles: a tenth of a second, and
        # seconds where all processes of a ward end together on a busy machine.
        gc.freeze()
    return 0
