"""What a file is by its content, whatever its name claims; and which files make one recording."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Kind = Literal["wav", "flac", "ogg", "mp3", "wfdb"]

HEAD_BYTES = 4096

_WFDB_LINE = re.compile(rb"^[A-Za-z0-9_-]+(/\d+)?[ \t]+\d+([ \t]|\r?$)")
_WFDB_FILE = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$")
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"<", "a web page or other text"),
    (b"{", "JSON"),
)
_MOST_NAME = 120


class RefusedError(Exception):
    """In one sentence, why an upload is not taken."""


class Group(NamedTuple):
    """Files that are one recording; `header` names the WFDB header among them."""

    name: str
    kind: Kind
    files: tuple[str, ...]


def plain_name(name: str) -> str:
    r"""The last part of a file's name, fit to be shown; never used as a path.

    >>> plain_name("..\\..\\etc/pass\x00wd.wav")
    'passwd.wav'
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(char for char in last if unicodedata.category(char)[0] != "C").strip()
    if shown in {"", ".", ".."}:
        return "unnamed"
    return shown[:_MOST_NAME]


def kind_of(head: bytes, name: str) -> Kind:
    """What the first bytes say.

    Raises
    ------
    RefusedError
        If it is nothing that is taken here.
    """
    if not head:
        raise RefusedError(f"{name} is empty")
    if head[:4] in {b"RIFF", b"RF64", b"RIFX"} and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:3] == b"ID3" or _is_mp3_frame(head):
        return "mp3"
    if name.lower().endswith(".hea") and _is_wfdb_header(head):
        return "wfdb"
    found = next((words for magic, words in _OTHERS if head.startswith(magic)), None)
    what = f"is {found}" if found else "is no sound that is known here"
    raise RefusedError(f"{name} {what}: upload WAV, FLAC, MP3, OGG or a WFDB record")


def group(heads: Mapping[str, bytes]) -> Group:
    """The one recording that these files are.

    Raises
    ------
    RefusedError
        If they are none, or several.
    """
    names = tuple(heads)
    headers = [name for name in names if name.lower().endswith(".hea")]
    if len(headers) == 1:
        return _wfdb(headers[0], heads)
    if len(names) != 1:
        raise RefusedError("several files are one recording only as a WFDB header and its signals")
    name = names[0]
    if name.lower().endswith(".dat"):
        raise RefusedError(f"{name} is a WFDB signal: upload its header (.hea) together with it")
    return Group(name, kind_of(heads[name], name), names)


def signal_files(header: str) -> list[str]:
    """The files that a WFDB header names.

    Raises
    ------
    RefusedError
        If it names a path, or is made of segments.
    """
    lines = [line for line in header.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    if "/" in lines[0].split()[0]:
        raise RefusedError("a WFDB record of several segments is not taken: upload its segments")
    number = lines[0].split()[1]
    count = int(number) if number.isascii() and number.isdigit() else 0
    named = [line.split()[0] for line in lines[1 : 1 + count]]
    if not count or len(named) != count:
        raise RefusedError("the WFDB header does not name its signals")
    for name in named:
        if not _WFDB_FILE.match(name):
            raise RefusedError(f"the WFDB header names {plain_name(name)!r}, which is no file name")
    return list(dict.fromkeys(named))


def _wfdb(header: str, heads: Mapping[str, bytes]) -> Group:
    kind_of(heads[header], header)
    named = signal_files(heads[header].decode("ascii", "replace"))
    missing = [name for name in named if name not in heads]
    if missing:
        raise RefusedError(f"{header} needs {_listed(missing)}: upload them together")
    strange = [name for name in heads if name != header and name not in named]
    if strange:
        raise RefusedError(f"{header} does not name {_listed(strange)}")
    return Group(header, "wfdb", tuple(heads))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")


def _is_wfdb_header(head: bytes) -> bool:
    for line in head.splitlines():
        if line.strip() and not line.lstrip().startswith(b"#"):
            return bool(_WFDB_LINE.match(line)) and b"\0" not in head
    return False


def _is_mp3_frame(head: bytes) -> bool:
    """An MPEG audio frame header, layer III, whose fields are none of the reserved ones."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bit_rate != 15 and sample_rate != 3
