"""The partitions that this worker reads, as of the last rebalance."""

from collections.abc import Callable

from stream_processors.partition import Counters, Partition


class Partitions:
    """Each with the generation of the assignment that it belongs to; a later one drops it."""

    def __init__(self, begin: Callable[[str, int], Partition]) -> None:
        self._begin = begin
        self._generation = -1
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._dropped = Counters()

    def at(self, topic: str, number: int, generation: int) -> Partition:
        """The state of a partition, begun anew if it is of an earlier assignment."""
        if generation != self._generation:
            self.drop()
            self._generation = generation
        partition = self._partitions.get((topic, number))
        if partition is None:
            partition = self._partitions[topic, number] = self._begin(topic, number)
        return partition

    def has(self, partition: Partition) -> bool:
        """Whether a partition's state is still that of the present assignment."""
        return self._partitions.get((partition.topic, partition.number)) is partition

    def drop(self) -> None:
        """Forget everything: what is not committed will be read again, by whoever it may be."""
        for partition in self._partitions.values():
            self._dropped.add(partition.counters)
        self._partitions.clear()

    def committable(self, topic: str, number: int) -> int | None:
        partition = self._partitions.get((topic, number))
        return None if partition is None else partition.committable()

    def next_offset(self, topic: str, number: int) -> int | None:
        partition = self._partitions.get((topic, number))
        return None if partition is None else partition.next_offset

    def counters(self) -> Counters:
        """Over all partitions, those that were dropped included."""
        total = Counters()
        for counters in (self._dropped, *(p.counters for p in self._partitions.values())):
            total.add(counters)
        return total
