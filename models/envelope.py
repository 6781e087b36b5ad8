"""How loud the sound is from moment to moment: what all judgement shares."""

import numpy as np

from models.dsp import Floats
from models.errors import SignalError

FRAME_SAMPLES = 20  # 10 ms at the pipeline's rate


def frame_power(sound: Floats, frame_samples: int = FRAME_SAMPLES) -> Floats:
    """Mean square of each whole frame; the frames of two blocks are those of their window.

    Parameters
    ----------
    sound
        Shape (n, samples), float32 of full scale 1. What fills no frame at the end is left out.

    Returns
    -------
    Shape (n, samples // frame_samples), float32; each row comes out as if it were alone.

    Raises
    ------
    SignalError
        For another number of axes.
    """
    if sound.ndim != 2:
        raise SignalError(f"sound of shape {sound.shape}, expected (n, samples)")
    frames = sound.shape[1] // frame_samples
    framed = sound[:, : frames * frame_samples].reshape(len(sound), frames, frame_samples)
    power: Floats = np.einsum("nfs,nfs->nf", framed, framed) / np.float32(frame_samples)
    return power
