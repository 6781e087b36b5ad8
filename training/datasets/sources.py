"""Where each data set is published, under which licence, and what is said of its integrity.

PhysioNet publishes a SHA-256 of every file, which is what we check. The others publish none: what
was downloaded is recorded, with its hash, in ``download.json``. The addresses of PASCAL 2011,
Yaseen 2018 and BMD-HS are those that public code and papers give; nothing here has been tried
against them yet.
"""

import msgspec

_YASEEN = (
    "https://github.com/yaseen21khan/Classification-of-Heart-Sound-Signal-Using-Multiple-Features-"
)
_PASCAL = "http://www.peterjbentley.com/heartchallenge"


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """One file to fetch.

    Attributes
    ----------
    path
        Its name in the data set's folder.
    sha256
        As published; None where nobody publishes it.
    unpack_to
        Of a ZIP or tar archive: the folder for what is in it, relative to the data set's.
    strip
        How many leading folders of an archive's paths to leave off.
    """

    path: str
    url: str
    sha256: str | None = None
    unpack_to: str | None = None
    strip: int = 0


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Either `files`, or the address of a ``SHA256SUMS.txt`` and which of its files are `wanted`.

    Attributes
    ----------
    wanted
        Patterns of paths, as of `fnmatch`.
    limit_bytes
        More than this is refused, fetched or unpacked.
    then
        What is left to do by hand.
    """

    page: str
    citation: str
    licence: str
    files: tuple[Remote, ...] = ()
    sums: str | None = None
    wanted: tuple[str, ...] = ("*",)
    limit_bytes: int = 4 << 30
    then: str = ""


PHYSIONET_2016 = Source(
    page="https://physionet.org/content/challenge-2016/1.0.0/",
    citation=(
        'Liu C. et al., "An open access database for the evaluation of heart sound algorithms", '
        "Physiol. Meas. 37(12), 2016"
    ),
    licence="ODC-By 1.0: free to use and pass on, with attribution",
    sums="https://physionet.org/files/challenge-2016/1.0.0/SHA256SUMS.txt",
    wanted=("training-[a-f]/*.wav", "training-[a-f]/REFERENCE*.csv", "LICENSE*"),
)

CIRCOR_2022 = Source(
    page="https://physionet.org/content/circor-heart-sound/1.0.3/",
    citation=(
        'Oliveira J. et al., "The CirCor DigiScope Dataset: From Murmur Detection to Murmur '
        'Classification", IEEE JBHI 26(6), 2022'
    ),
    licence="ODC-By 1.0: free to use and pass on, with attribution",
    sums="https://physionet.org/files/circor-heart-sound/1.0.3/SHA256SUMS.txt",
    wanted=("training_data.csv", "training_data/*", "LICENSE*"),
)

YASEEN_2018 = Source(
    page=_YASEEN,
    citation=(
        'Yaseen, Son G.-Y., Kwon S., "Classification of Heart Sound Signal Using Multiple '
        'Features", Applied Sciences 8(12):2344, 2018'
    ),
    licence="none is stated: research use only, never pass it on",
    files=tuple(
        Remote(
            path=f"{label}.rar",
            url=f"{_YASEEN}/raw/master/{label}_New_3%EC%A3%BC%EA%B8%B0.rar",
        )
        for label in ("AS", "MR", "MS", "MVP", "N")
    ),
    limit_bytes=1 << 30,
    then="unpack the five RAR archives there, each into a folder of its own (unar, 7z or unrar)",
)

PASCAL_2011 = Source(
    page=f"{_PASCAL}/index.html",
    citation=(
        "Bentley P., Nordehn G., Coimbra M., Mannor S., The PASCAL Classifying Heart Sounds "
        "Challenge 2011 (CHSC2011)"
    ),
    licence="none is stated: research use only, cite the challenge",
    files=tuple(
        Remote(path=f"{name}.zip", url=f"{_PASCAL}/wav/{name}.zip", unpack_to=name)
        for name in (
            "Atraining_normal",
            "Atraining_murmur",
            "Atraining_extrahs",
            "Atraining_artifact",
            "Btraining_normal",
            "Btraining_murmur",
            "Btraining_extrasystole",
        )
    ),
    limit_bytes=1 << 30,
)

BMD_HS = Source(
    page="https://github.com/mHealthBuet/BMD-HS-Dataset",
    citation=('Ali S. N. et al., "BUET Multi-disease Heart Sound Dataset", arXiv:2409.00724, 2024'),
    licence="see the LICENSE file in the data set",
    files=(
        Remote(
            path="BMD-HS.zip",
            url="https://github.com/mHealthBuet/BMD-HS-Dataset/archive/refs/heads/main.zip",
            unpack_to=".",
            strip=1,
        ),
    ),
    limit_bytes=1 << 30,
)
