"""More about one row of the comparison: its figures, whom it serves how well, and its mistakes."""

from pathlib import Path

from training.evaluation import figures
from training.evaluation.collected import Row
from training.evaluation.markdown_table import DASH, number, table
from training.evaluation.scored import scored

_MISTAKES = 10


def details(row: Row, folder: Path) -> str:
    """As Markdown; the figures are written into `folder`."""
    drawn = figures.draw(row.found, scored(row.tests), folder)
    pictures = "\n".join(f"![{file.stem}]({file.name})" for file in drawn)
    parts = [f"### {row.name} in detail\n", pictures + "\n", _temperature(row)]
    parts += [_groups(row, field) for field in row.found.groups]
    return "\n".join(part for part in [*parts, _mistakes(row)] if part)


def _temperature(row: Row) -> str:
    found = row.found.calibration
    if found.temperature is None or found.error_after is None:
        return f"ECE {found.error:.3f}; no validation part to fit a temperature on.\n"
    return (
        f"ECE {found.error:.3f}, and {found.error_after:.3f} at the temperature "
        f"{found.temperature:.2f} fitted on validation.\n"
    )


def _groups(row: Row, field: str) -> str:
    said = [
        (
            value,
            f"{own.recordings} of {own.subjects}",
            number(own.accuracy),
            number(own.uar),
            number(own.auc),
        )
        for value, own in row.found.groups[field].items()
    ]
    heads = (field.replace("_", " "), "recordings of subjects", "accuracy", "UAR", "AUC")
    return table(heads, said)


def _mistakes(row: Row) -> str:
    said = [
        (
            own.path,
            own.database,
            " + ".join(own.truth),
            " + ".join(own.said) or DASH,
            f"{own.confidence:.2f}",
            str(own.usable_windows),
            "" if own.clear else "unsure",
        )
        for own in row.found.worst[:_MISTAKES]
    ]
    if not said:
        return ""
    heads = ("recording", "database", "is", "called", "confidence", "usable windows", "quality")
    return "The mistakes that it was surest of:\n\n" + table(heads, said)
