"""Watch what one device says, and tell which rules of the wire it keeps and which it breaks."""

from contextlib import suppress
from enum import IntEnum

from ingest.chunk import AudioChunk, DeviceTopic, Lane, decode_ack, decode_chunk, decode_status, pcm
from ingest.device_findings import Finding, Verdict
from ingest.device_log import HeardAck, HeardChunk, HeardStatus, Interruption, WatchLog
from ingest.device_rules import RULES
from models.errors import ChunkError


class Outcome(IntEnum):
    """The exit code of a check."""

    KEPT = 0
    BROKEN = 1
    NOT_HEARD = 2


class DeviceCheck:
    """Takes every message on a device's topics; its report is a function of them and of time."""

    def __init__(self, device_id: str, *, now_us: int) -> None:
        self._log = WatchLog(device_id, now_us)

    @property
    def heard(self) -> bool:
        """Whether the device itself has said anything; the bridge's acks do not count."""
        log = self._log
        wrong = log.wrong_topics or log.wrong_payloads or log.retained_audio
        return bool(log.chunks or log.statuses or wrong)

    def step(self, now_us: int, topic: str, payload: bytes, *, qos: int, retained: bool) -> None:
        """Take one message as the broker delivered it to a subscriber with QoS 2."""
        try:
            parsed = DeviceTopic.parse(topic)
        except ChunkError as error:
            self._log.wrong_topics.append(str(error))
            return
        if parsed.lane is Lane.ACK:
            self._take_ack(now_us, payload)
            return
        self._log.groups.add(parsed.group)
        self._log.qos.setdefault(parsed.lane, set()).add(qos)
        try:
            self._take(now_us, parsed, payload, retained=retained)
        except ChunkError as error:
            self._log.wrong_payloads.append(f"{parsed.lane.value}: {error}")

    def interrupted(self, now_us: int) -> None:
        """Note that the watcher was cut off: what was said meanwhile cannot be judged."""
        for boot in self._log.boots.values():
            boot.events.append(Interruption(now_us))

    def report(self, now_us: int) -> list[Finding]:
        """One finding for each rule, in the order in which a maker would look into them."""
        return [Finding(title, *judge(self._log, now_us)) for title, judge in RULES.items()]

    def outcome(self, now_us: int) -> Outcome:
        if not self.heard:
            return Outcome.NOT_HEARD
        broken = any(finding.verdict is Verdict.BROKEN for finding in self.report(now_us))
        return Outcome.BROKEN if broken else Outcome.KEPT

    def _take_ack(self, now_us: int, payload: bytes) -> None:
        with suppress(ChunkError):  # an ack is the bridge's word, and never the device's fault
            ack = decode_ack(payload)
            self._log.boot(ack.boot_id).events.append(HeardAck(now_us, ack.stored_to_sample))

    def _take(self, now_us: int, topic: DeviceTopic, payload: bytes, *, retained: bool) -> None:
        if topic.lane is Lane.STATUS:
            status = HeardStatus(now_us, retained, decode_status(payload))
            self._log.statuses.append(status)
            return
        chunk = decode_chunk(payload)
        if retained:
            self._log.retained_audio.append(f"seq {chunk.seq} on {topic}")
            return
        heard = HeardChunk.of(now_us, topic.lane, chunk, self._count_samples(chunk))
        self._log.boot(chunk.boot_id).events.append(heard)

    def _count_samples(self, chunk: AudioChunk) -> int:
        try:
            return len(pcm(chunk))
        except ChunkError as error:
            if chunk.encoding != "pcm_s16le":
                raise
            # Nothing but the length of PCM can be wrong, and positions can be judged all the same.
            self._log.wrong_lengths.append(f"seq {chunk.seq}: {error}")
            return len(chunk.samples) // 2
