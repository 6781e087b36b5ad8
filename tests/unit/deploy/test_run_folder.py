"""A run's folder stays when something went wrong; signals are counted, not obeyed."""

import errno
import logging
import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.run_folder import Interrupts, RunFolder, run_folder
from models.errors import UserError


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_gone_after_a_run_without_trouble() -> None:
    with run_folder() as folder:
        logging.getLogger("somebody").warning("seen")
        assert "seen" in folder.log_of("heartward").read_text()
    assert not folder.path.exists()


def _fail_with(error: Exception) -> RunFolder:
    with pytest.raises(type(error)), run_folder() as folder:
        raise error
    return folder


def test_it_stays_when_told_and_after_an_error_that_nobody_foresaw() -> None:
    with run_folder() as folder:
        folder.keep = True
    assert folder.path.exists()
    assert _fail_with(ZeroDivisionError()).path.exists()


def test_a_foreseen_error_explains_itself_and_leaves_nothing() -> None:
    assert not _fail_with(UserError("no")).path.exists()


def test_a_full_or_missing_place_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(UserError, match=r"/nowhere .*TMPDIR"), run_folder():
        pass


@contextmanager
def _no_file_may_grow() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_known_before_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    with _no_file_may_grow(), pytest.raises(UserError, match=r"free space .*TMPDIR"), run_folder():
        pass
    assert list(tmp_path.iterdir()) == []


def _fail_on_a_full_disk(reason: str) -> None:
    with ExitStack() as at_the_end, run_folder():
        at_the_end.enter_context(_no_file_may_grow())
        logging.getLogger("somebody").warning("not seen")
        raise UserError(reason)


def test_a_disk_that_is_full_later_changes_no_word_on_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UserError, match="a reason"):
        _fail_on_a_full_disk("a reason")
    assert capfd.readouterr().err == ""


def test_without_any_place_for_files_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_get_default_tempdir", nowhere)
    with pytest.raises(UserError, match=r"can be made \(No usable .*TMPDIR"), run_folder():
        pass


def test_interrupts_are_counted_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.count == 2
    assert signal.getsignal(signal.SIGTERM) is before
