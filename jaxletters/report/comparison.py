"""Several finished experiments side by side: as cells of a table, and as a page."""

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxletters.console import duration

HEADING = (
    *("experiment", "data", "parameters", "epochs", "training", "validation", "test"),
    *("95% interval, or folds", "reference", "difference"),
)
"""What the cells of a row are; "training" is m:ss, accuracies are percentages."""


class Row(NamedTuple):
    """One experiment.

    Attributes:
        name: what it is called.
        group: those of one group stand together.
        result: the content of its `result.json`.
        reference: an accuracy in percent to set beside its own, or 0.
        page: where to read more, relative to the page of all; "" for nowhere.
    """

    name: str
    group: str
    result: dict[str, Any]
    reference: float = 0.0
    page: str = ""


def accuracy(row: Row) -> float:
    """Returns the share of test examples read rightly; of a cross-validation, the mean over folds."""
    return row.result.get("fold_mean", row.result["test_accuracy"])


def cells(row: Row) -> tuple[str, ...]:
    """Returns a row's cells under HEADING; what there is none of is blank."""
    result = row.result
    low, high = result["test_accuracy_interval"]
    spread = f"{100 * low:.2f} to {100 * high:.2f}"
    if "fold_deviation" in result:
        count = len(result["fold_accuracies"])
        spread = f"sd {100 * result['fold_deviation']:.2f} over {count} folds"
    validated = result.get("validation_accuracy")
    difference = 100 * accuracy(row) - row.reference
    return (
        row.name,
        result["dataset"] + (f", {result['dataset_note']}" if result["dataset_note"] else ""),
        f"{result['parameters']:,}",
        f"{result['epochs']:.3g}" if "epochs" in result else "",
        duration(result["training_seconds"]) if "training_seconds" in result else "",
        "" if validated is None else f"{100 * validated:.2f}",
        f"{100 * accuracy(row):.2f}",
        spread,
        f"{row.reference:.2f}" if row.reference else "",
        f"{difference:+.2f}" if row.reference else "",
    )


def page(title: str, remark: str, rows: Sequence[Row], pictures: Sequence[tuple[str, str]]) -> str:
    """Returns an HTML page with the table of all rows and pictures below.

    Args:
        title: of the page.
        remark: a sentence about how the figures came about.
        rows: each change of group or data has a line of its own.
        pictures: (file, caption) of each.
    """
    # The data are those of a whole group, and named in its line.
    head = "".join(f"<th>{html.escape(name)}</th>" for name in HEADING if name != "data")
    body, group = [], None
    for row in rows:
        first, data, *rest = map(html.escape, cells(row))
        if (row.group, data) != group:
            group = row.group, data
            label = data if data.startswith(row.group) else f"{html.escape(row.group)}: {data}"
            body.append(f'<tr class="group"><th colspan="{len(HEADING)}">{label}</th></tr>')
        if row.page:
            first = f'<a href="{html.escape(row.page)}">{first}</a>'
        body.append(f"<tr><td>{first}</td>{''.join(f'<td>{cell}</td>' for cell in rest)}</tr>")
    shown = "".join(
        f'<figure><img src="{html.escape(file)}" alt="{html.escape(caption)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for file, caption in pictures
    )
    return _PAGE.format(
        title=html.escape(title),
        remark=html.escape(remark),
        head=head,
        body="\n".join(body),
        shown=shown,
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ font: 15px/1.45 "DejaVu Sans", system-ui, sans-serif; color: #222; margin: 2rem auto;
         max-width: 76rem; padding: 0 1rem; }}
  .scroll {{ overflow-x: auto; }}
  table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
  th, td {{ padding: .25rem .6rem; text-align: right; white-space: nowrap; }}
  th:first-child, td:first-child {{ text-align: left; }}
  thead th {{ border-bottom: 1px solid #767676; color: #555; font-weight: normal; }}
  .group th {{ padding-top: 1rem; text-align: left; }}
  tbody tr:hover td {{ background: #f4f4f4; }}
  img {{ max-width: 100%; }}
  figure {{ margin: 2rem 0; }}
  figcaption {{ color: #555; }}
  a {{ color: #0072b2; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{remark}</p>
<div class="scroll"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table></div>
{shown}
</body>
</html>
"""
