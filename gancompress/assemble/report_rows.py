"""The networks of a report as rows of its table and figures of its first screen."""

from dataclasses import dataclass

from gancompress.assemble.headline import Figures
from gancompress.assemble.scores import Scores
from gancompress.assemble.similarity import lower_is_better, shown
from gancompress.metrics.latency import Timing
from gancompress.report.table import Table, format_bytes, format_count, format_seconds


@dataclass(frozen=True)
class NetworkRow:
    """One network of the report, measured."""

    name: str
    macs: int
    params: int
    file_bytes: int
    torch_seconds: Timing
    onnx_seconds: Timing | None
    scores: Scores | None
    similarity: dict[str, float]


def rows_table(rows: list[NetworkRow], extractor: str | None) -> Table:
    """One line a network; columns that no network has a value for are left out."""
    columns = ["", "MACs", "parameters", "file", "PyTorch"]
    columns += ["ONNX Runtime"] if rows[0].onnx_seconds else []
    columns += [f"fd_{extractor}"] if extractor else []
    conditional = rows[0].scores is not None and rows[0].scores.accuracy is not None
    columns += ["right class"] if conditional else []
    columns += list(rows[0].similarity)
    cells = []
    for row in rows:
        line = [row.name, format_count(row.macs), format_count(row.params)]
        line += [format_bytes(row.file_bytes), _time(row.torch_seconds)]
        line += [_time(row.onnx_seconds)] if row.onnx_seconds else []
        if row.scores is not None:
            line.append(f"{row.scores.frechet:.2f}")
            line += [f"{row.scores.accuracy:.1%}"] if row.scores.accuracy is not None else []
        line += [shown(title, value) for title, value in row.similarity.items()]
        cells.append(line)
    return Table(columns, cells)


def _time(timing: Timing) -> str:
    return format_seconds(timing.median, (timing.high - timing.low) / 2)


def figures_of(row: NetworkRow, extractor: str) -> Figures:
    """The figures of one network, with its similarity to the teacher or its distance as quality."""
    quality = None
    if row.similarity:
        title = next(iter(row.similarity))
        quality = title, row.similarity[title], lower_is_better(title)
    elif row.scores is not None:
        quality = extractor, row.scores.frechet, True
    return Figures(
        name=row.name,
        macs=row.macs,
        file_bytes=row.file_bytes,
        quality=quality,
    )
