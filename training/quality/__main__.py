"""Learn the shipped model of quality again; see the package."""

import sys

import numpy as np

from models.quality_model import ARTIFACT, written
from training.datasets import physionet2016
from training.quality.learning import SEED, VERSION, learn, material


def main() -> None:
    data = physionet2016.load()
    everyone = np.ones(len(data.recordings), np.bool_)
    model = learn(material(data), everyone)
    model.training.update(
        {
            "data": "PhysioNet/CinC Challenge 2016 (ODC-By 1.0)",
            "labels": "signal_quality, marks of noise, ratio of the noise that was mixed in",
            "noise": "chest-worn microphone (MIT), Speech Commands (CC BY 4.0), made rubbing",
            "seed": str(SEED),
            "command": "python -m training.quality",
        }
    )
    ARTIFACT.write_bytes(written(model))
    sys.stdout.write(f"{ARTIFACT.name}: version {VERSION}, {len(data.recordings)} recordings\n")


if __name__ == "__main__":
    main()
