"""The command line explains itself, fails in one line, and loads only what a command needs."""

import errno
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

import heartward
from ingest.kafka_contact import require_kafka
from ingest.sounds import PACKAGED
from tests.unit.models import tiny

_COMMANDS = [
    ["demo"],
    ["up"],
    ["bridge"],
    ["worker"],
    ["influx"],
    ["simulate"],
    ["classify"],
    ["evaluate"],
    ["report"],
    ["assign"],
    ["doctor"],
    ["topics", "apply"],
    ["topics", "list"],
    ["devices", "check"],
    ["data", "list"],
    ["data", "describe"],
    ["data", "download"],
    ["train"],
    ["retrain"],
    ["shadow"],
    ["models", "list"],
    ["models", "choose"],
    ["alarms", "run"],
    ["alarms", "report"],
    ["alarms", "replay"],
    ["alarms", "record"],
    ["alarms", "limits"],
]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HEARTWARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HEARTWARD_ENV_FILE", "")


def _call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """Run the command line here; returns what it exits with, where text means 1."""
    monkeypatch.setattr(sys, "argv", ["heartward", *arguments])
    with pytest.raises(SystemExit) as left:
        heartward.main()
    return left.value.code


@pytest.mark.parametrize("command", _COMMANDS, ids=" ".join)
def test_every_command_explains_itself(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(monkeypatch, *command, "--help") == 0
    assert "Usage: heartward" in capsys.readouterr().out


def test_without_a_command_it_lists_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _call(monkeypatch)
    said = capsys.readouterr()
    assert all(f" {command[0]} " in said.out + said.err for command in _COMMANDS)


def test_it_says_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("heartward 0.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bridge", "--mqtt-port", "70000"], "HEARTWARD_MQTT_PORT"),
        (["--env-file", "/nowhere/ward.env", "bridge"], "/nowhere/ward.env, which cannot be read"),
        (["classify", "--model", "none", "heart.wav"], "model none is not in "),
        (["demo", "--json", "/nowhere/out.json"], "/nowhere/out.json cannot be written"),
        (["devices", "check", "not an id"], "'not an id' is no device id"),
        (["simulate", "--mqtt-port", "1"], "MQTT broker 127.0.0.1:1 "),
        (["worker", "--kafka-user", "a"], "HEARTWARD_KAFKA_USER 'a' has no password"),
        (["topics", "list", "--kafka-servers", "kafka"], "'kafka' is not HOST:PORT"),
        (["influx", "--influx-url", "nonsense"], "HEARTWARD_INFLUX_URL 'nonsense'"),
        (["assign", "d 1/+", "--patient", "p", "--ward", "w", "--bed", "b"], "no device id"),
        (["evaluate", "nowhere.onnx"], "nowhere.onnx is neither a file nor a folder"),
        (["evaluate", "none"], "model none is not in "),
        (["evaluate", "screen", "--protocol", "yaseen2018"], "known are all, physionet2016,"),
        (["retrain", "/nowhere"], "/nowhere has no labels.csv"),
        (["shadow", "heart.wav"], "--candidate names the model"),
        (["models", "choose", "screen", "--role", "on"], "--role 'on' is not one of active"),
        (["report", "/nowhere"], "/nowhere is no folder"),
        (["data", "describe", "nowhere"], "nowhere is neither a folder nor one of physionet2016,"),
        (["data", "describe", "bmdhs"], "try heartward data download bmdhs"),
        (["data", "download", "circor2022"], "circor2022-full is all of it"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None,
)
def test_what_goes_wrong_is_told_in_one_line(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _call(monkeypatch, *arguments)
    assert isinstance(left, str)
    assert said in left
    assert "\n" not in left


def test_a_kafka_that_is_away_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried = partial(require_kafka, timeout_s=0.5)
    monkeypatch.setattr("stream_processors.topic_admin.require_kafka", hurried)
    left = _call(monkeypatch, "topics", "list", "--kafka-servers", "127.0.0.1:1")
    assert isinstance(left, str)
    assert "Kafka 127.0.0.1:1 cannot be used" in left
    assert "\n" not in left


def test_a_port_in_use_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        left = _call(monkeypatch, "demo", "--listen-kafka", port)
    assert isinstance(left, str)
    assert f"port {port} of 127.0.0.1 cannot be used (Address already in use)" in left


def test_a_wrong_flag_is_a_matter_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _call(monkeypatch, "demo", "--beds", "none") == 2


def test_a_recording_is_classified_as_a_table_and_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = str(next(PACKAGED.glob("*.flac")))
    assert _call(monkeypatch, "classify", recording) == 0
    assert Path(recording).name in capsys.readouterr().out
    assert _call(monkeypatch, "classify", recording, "--json") == 0
    assert capsys.readouterr().out.startswith('{"path":')


def test_a_file_without_permission_does_not_keep_others_from_being_classified(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    locked, fine = sorted(PACKAGED.glob("*.flac"))[:2]
    real_open = Path.open

    def open_if_allowed(path: Path, *given: Any, **named: Any) -> Any:
        if path == locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(path, *given, **named)

    monkeypatch.setattr(Path, "open", open_if_allowed)
    monkeypatch.setattr(os, "access", lambda path, *_: Path(path) != locked)
    assert _call(monkeypatch, "classify", str(locked), str(fine)) == 1
    said = capsys.readouterr()
    assert said.err == f"{locked} cannot be read: Permission denied\n"
    assert fine.name in said.out


@pytest.mark.parametrize("default", [True, False])
def test_a_model_of_another_window_runs_on_files(
    default: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    contract = msgspec.structs.replace(
        tiny.CONTRACT, name="short", sample_rate_hz=1000, window_s=2.0, hop_s=1.0
    )
    tiny.put_into(tmp_path, contract, default=default)
    given = ["--models-dir", str(tmp_path), *([] if default else ["--model", "short"])]
    recording = str(PACKAGED / "e00152.flac")  # of 11.7 s
    assert _call(monkeypatch, "classify", *given, "--json", recording) == 0
    windows = msgspec.json.decode(capsys.readouterr().out)["models"]["short"]["windows"]
    assert [window["start_s"] for window in windows] == [float(k) for k in range(10)]


def test_help_loads_no_engine_and_no_runtime() -> None:
    heavy = "{'faust', 'onnxruntime', 'torch', 'scipy', 'confluent_kafka', 'kafka', 'matplotlib'}"
    code = f"import sys, deploy.command_line; print(sorted({heavy} & set(sys.modules)))"
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert asked.stdout.strip() == "[]"


_INTERRUPTED_WHILE_IT_LOADS = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has none
class Finder:
    def find_spec(self, name, *_):
        if name == "typer":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
import heartward
heartward.main()
"""


def test_ctrl_c_while_it_loads_leaves_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_WHILE_IT_LOADS, "demo"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_it_runs_as_an_installed_program() -> None:
    program = Path(sys.executable).with_name("heartward")
    asked = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert asked.stdout.startswith("heartward ")


def test_a_terminal_that_does_not_know_every_sign_gets_the_rest(tmp_path: Path) -> None:
    name = "Töne ✓.flac"
    (tmp_path / name).write_bytes((PACKAGED / "a0018.flac").read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "heartward", "classify", str(tmp_path / name)],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Töne ?.flac".encode("latin-1") in done.stdout
