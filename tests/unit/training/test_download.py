"""Downloads from a real server on this machine that breaks off, lies and counts."""

import hashlib
import io
import re
import shutil
import socket
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import msgspec
import pytest
from rich.console import Console

from models.errors import UserError
from training.datasets import download as downloading
from training.datasets import fetch as fetching
from training.datasets.download import RECORD, Record, download
from training.datasets.sources import Remote, Source
from training.datasets.unpack import unpack

SOUND = bytes(range(256)) * 4096  # 1 MiB


class Publisher:
    """Files by path; `breaks_after` bytes, once, and `answers` instead of the file."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.breaks_after: dict[str, int] = {}
        self.answers: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.removeprefix("/")
        self.asked[path] += 1
        if path in self.answers or path not in self.files:
            request.send_error(self.answers.get(path, 404))
            return
        content = self.files[path]
        start = int((re.match(r"bytes=(\d+)-", request.headers.get("Range") or "") or "00")[1])
        if start and start >= len(content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        rest = content[start : self.breaks_after.pop(path, None)]
        self.sent[path] += len(rest)  # before they go: who has them all may look at once
        request.wfile.write(rest)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.close()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_PAUSE_S", 0.0)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=300)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def source(**given: object) -> Source:
    named = {"page": "https://example.org", "citation": "Somebody 2020", "licence": "a licence"}
    return msgspec.convert(named | given, Source)


def one_file(publisher: Publisher, sha256: str | None = None) -> Source:
    publisher.files["a.wav"] = SOUND
    return source(files=(Remote(path="a.wav", url=f"{publisher.url}/a.wav", sha256=sha256),))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def left_in(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


class TestWhatIsPublishedWithItsChecksums:
    @pytest.fixture
    def published(self, publisher: Publisher) -> Source:
        publisher.files |= {"v1/set/one 1.wav": SOUND, "v1/set/two.wav": b"two", "v1/x.pdf": b"x"}
        publisher.files = {name.replace(" ", "%20"): it for name, it in publisher.files.items()}
        publisher.files["v1/SHA256SUMS.txt"] = (
            f"{sha256(SOUND)} set/one 1.wav\n{sha256(b'two')} set/two.wav\n{sha256(b'x')} x.pdf\n"
        ).encode()
        return source(sums=f"{publisher.url}/v1/SHA256SUMS.txt", wanted=("set/*.wav",))

    def test_every_wanted_file_is_fetched_and_recorded(
        self, published: Source, tmp_path: Path, console: Console
    ) -> None:
        download(published, tmp_path / "x", console)
        assert left_in(tmp_path) == {
            f"x/{name}" for name in ("set/one 1.wav", "set/two.wav", RECORD)
        }
        assert (tmp_path / "x" / "set" / "one 1.wav").read_bytes() == SOUND
        record = msgspec.json.decode((tmp_path / "x" / RECORD).read_bytes(), type=Record)
        assert {each.path: each.sha256 for each in record.files}["set/two.wav"] == sha256(b"two")
        assert all(each.published for each in record.files)
        assert "licence: a licence" in said(console)
        assert "checked against its published SHA-256" in said(console)

    def test_a_wrong_checksum_leaves_no_data_set_and_the_next_try_asks_for_that_file_alone(
        self,
        published: Source,
        publisher: Publisher,
        tmp_path: Path,
        console: Console,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(downloading, "_AT_ONCE", 1)  # the first is whole when the second fails
        publisher.files["v1/set/two.wav"] = b"TWO"
        with pytest.raises(UserError, match=r"two\.wav came with SHA-256 .* is published"):
            download(published, tmp_path / "x", console)
        assert not (tmp_path / "x").exists()
        publisher.files["v1/set/two.wav"] = b"two"
        download(published, tmp_path / "x", console)
        assert (tmp_path / "x" / "set" / "two.wav").read_bytes() == b"two"
        assert publisher.sent["v1/set/one%201.wav"] == len(SOUND)

    def test_a_table_that_points_out_of_the_folder_is_refused(
        self, published: Source, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        publisher.files["v1/SHA256SUMS.txt"] = f"{sha256(b'x')} set/../../evil.wav\n".encode()
        with pytest.raises(UserError, match=r"evil\.wav' is refused"):
            download(published, tmp_path / "x", console)
        assert not list(tmp_path.rglob("evil*"))


class TestOneFile:
    def test_what_broke_off_goes_on_where_it_was(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        published = one_file(publisher, sha256(SOUND))
        publisher.breaks_after["a.wav"] = 300_000
        download(published, tmp_path / "x", console)
        assert (tmp_path / "x" / "a.wav").read_bytes() == SOUND
        assert publisher.asked["a.wav"] == 2
        assert publisher.sent["a.wav"] == len(SOUND)

    def test_a_second_call_takes_up_what_the_first_left(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        published = one_file(publisher, sha256(SOUND))
        (tmp_path / ".x.partial").mkdir()
        (tmp_path / ".x.partial" / "a.wav.part").write_bytes(SOUND[:-10])
        download(published, tmp_path / "x", console)
        assert publisher.sent["a.wav"] == 10

    def test_what_came_whole_and_was_not_renamed_is_not_asked_for_again(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        published = one_file(publisher)
        (tmp_path / ".x.partial").mkdir()
        (tmp_path / ".x.partial" / "a.wav.part").write_bytes(SOUND)
        download(published, tmp_path / "x", console)
        assert (tmp_path / "x" / "a.wav").read_bytes() == SOUND
        assert publisher.sent["a.wav"] == 0

    def test_a_file_that_became_shorter_meanwhile_is_fetched_anew(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        published = one_file(publisher)
        (tmp_path / ".x.partial").mkdir()
        (tmp_path / ".x.partial" / "a.wav.part").write_bytes(SOUND + b"more")
        download(published, tmp_path / "x", console)
        assert (tmp_path / "x" / "a.wav").read_bytes() == SOUND

    def test_without_a_published_checksum_that_is_said_and_the_hash_recorded(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        (fetched,) = download(one_file(publisher), tmp_path / "x", console).files
        assert (fetched.sha256, fetched.published) == (sha256(SOUND), False)
        assert "no checksum is published" in said(console)

    def test_a_data_set_that_is_there_is_left_alone(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        (tmp_path / "x").mkdir()
        with pytest.raises(UserError, match="is there already"):
            download(one_file(publisher), tmp_path / "x", console)
        assert not publisher.asked

    @pytest.mark.parametrize(("answer", "asked"), [(404, 1), (503, 3)])
    def test_a_refusal_is_final_and_a_servers_fault_is_tried_again(
        self, publisher: Publisher, tmp_path: Path, console: Console, answer: int, asked: int
    ) -> None:
        published = one_file(publisher)
        publisher.answers["a.wav"] = answer
        with pytest.raises(UserError, match=rf"a\.wav answers {answer}"):
            download(published, tmp_path / "x", console)
        assert publisher.asked["a.wav"] == asked

    def test_without_a_network_it_says_so(self, tmp_path: Path, console: Console) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.wav"
        with pytest.raises(UserError, match=r"cannot be reached: .*refused.*is there a network"):
            download(source(files=(Remote(path="a.wav", url=url),)), tmp_path / "x", console)

    def test_a_full_disk_is_said_before_anything_is_written(
        self,
        publisher: Publisher,
        tmp_path: Path,
        console: Console,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        published = one_file(publisher)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=500_000))
        with pytest.raises(UserError, match=r"the disk of .* is full"):
            download(published, tmp_path / "x", console)
        assert left_in(tmp_path) == set()

    def test_a_place_that_cannot_be_written_is_named(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UserError, match=r"file cannot be written: "):
            download(one_file(publisher), tmp_path / "file" / "x", console)

    def test_more_than_is_allowed_is_not_fetched(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        published = msgspec.structs.replace(one_file(publisher), limit_bytes=1000)
        with pytest.raises(UserError, match="has 1048576 bytes, more than 1000"):
            download(published, tmp_path / "x", console)


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def tarred(files: dict[str, bytes], link: str | None = None) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        if link:
            member = tarfile.TarInfo("link.wav")
            member.type, member.linkname = tarfile.SYMTYPE, link
            archive.addfile(member)
    return content.getvalue()


class TestArchives:
    def test_an_archive_is_unpacked_where_it_belongs_and_thrown_away(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        publisher.files["a.zip"] = zipped({"set-main/train/1.wav": b"1", "__MACOSX/x": b"litter"})
        remote = Remote(path="a.zip", url=f"{publisher.url}/a.zip", unpack_to=".", strip=1)
        download(source(files=(remote,)), tmp_path / "x", console)
        assert left_in(tmp_path) == {"x/train/1.wav", f"x/{RECORD}"}

    def test_a_broken_archive_is_fetched_again_by_the_next_try(
        self, publisher: Publisher, tmp_path: Path, console: Console
    ) -> None:
        whole = zipped({"1.wav": SOUND})
        remote = Remote(path="a.zip", url=f"{publisher.url}/a.zip", unpack_to="a")
        publisher.files["a.zip"] = whole[:-40]
        with pytest.raises(UserError, match=r"a\.zip is not a whole ZIP or tar"):
            download(source(files=(remote,)), tmp_path / "x", console)
        publisher.files["a.zip"] = whole
        download(source(files=(remote,)), tmp_path / "x", console)
        assert (tmp_path / "x" / "a" / "1.wav").read_bytes() == SOUND

    @pytest.mark.parametrize("packed", [zipped, tarred])
    @pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "C:\\evil"])  # noqa: S108
    def test_a_path_out_of_the_folder_is_refused(
        self, tmp_path: Path, packed: type, name: str
    ) -> None:
        archive = tmp_path / "a"
        archive.write_bytes(packed({name: b"evil"}))
        with pytest.raises(UserError, match="no path inside the data set's folder"):
            unpack(archive, tmp_path / "deep" / "x", limit_bytes=1000)
        assert not list(tmp_path.rglob("*evil*"))

    @pytest.mark.parametrize("packed", [zipped, tarred])
    def test_a_bomb_is_stopped_at_the_limit(self, tmp_path: Path, packed: type) -> None:
        archive = tmp_path / "a"
        archive.write_bytes(packed({"small": b"0" * 900, "bomb": bytes(5_000_000)}))
        with pytest.raises(UserError, match="more than is allowed"):
            unpack(archive, tmp_path / "x", limit_bytes=1_000_000)
        assert sum(file.stat().st_size for file in (tmp_path / "x").rglob("*")) < 1_000_000

    def test_links_are_passed_over(self, tmp_path: Path) -> None:
        archive = tmp_path / "a"
        archive.write_bytes(tarred({"1.wav": b"1"}, link="/etc/passwd"))
        unpack(archive, tmp_path / "x", limit_bytes=1000)
        assert left_in(tmp_path / "x") == {"1.wav"}
