"""Write every committed split, and the table of their hashes, again."""

from training.datasets.catalogue import load
from training.splits.files import INDEX, index_of_files, path_of, written
from training.splits.protocols import PROTOCOLS


def main() -> None:
    recordings = {
        name: load(name).recordings for name in {protocol.data_set for protocol in PROTOCOLS}
    }
    for protocol in PROTOCOLS:
        table = protocol.divide(recordings[protocol.data_set])
        path_of(protocol.name).write_bytes(written(protocol, table))
    INDEX.write_bytes(index_of_files())


if __name__ == "__main__":
    main()
