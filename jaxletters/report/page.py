"""The HTML pages of one run and of several; each page is one file, with its pictures beside it."""

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jinja2

from jaxletters.config import serialization
from jaxletters.evaluation.result import SingleResult
from jaxletters.report import comparison, paired
from jaxletters.report.comparison import Row
from jaxletters.report.paired import Pair
from jaxletters.runtime.console import format_duration
from jaxletters.runtime.environment import Environment


class Section(NamedTuple):
    """A part of a run's page: a title, and optionally a sentence, a picture and a table.

    Attributes:
        title: its heading.
        text: a sentence below.
        file: of its picture, beside the page.
        width: of its picture, in CSS pixels.
        heading: of the table's columns.
        rows: of the table.
        pictures: whether its picture shows images in colour, which the page's dark style must not invert.
    """

    title: str
    text: str = ""
    file: str = ""
    width: int = 0
    heading: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    pictures: bool = False


class Fact(NamedTuple):
    """One of the numbers at the top of a page."""

    label: str
    value: str
    remark: str = ""


class Picture(NamedTuple):
    """A picture's file beside the page, its width in CSS pixels, and what it shows."""

    file: str
    width: int
    caption: str


def of_run(
    result: SingleResult,
    sections: Sequence[Section],
    config: Mapping[str, object],
    environment: Environment,
    changes: Sequence[str],
) -> str:
    """Returns the page of one run.

    Args:
        result: the content of its `result.json`.
        sections: the parts of the page below its facts.
        config: its settings, nested.
        environment: what its numbers depend on besides its settings.
        changes: the parts of the environment that changed while it ran.
    """
    note = f" ({result['dataset_note']})" if result["dataset_note"] else ""
    commit = environment.get("commit") or ""
    return _template("run.html").render(
        title=result["name"],
        subtitle=f"{result['experiment']} on {result['dataset']}{note}{_test_split_reads(result)}",
        facts=_facts(result),
        sections=sections,
        command=environment.get("command", ""),
        repeat=(f"At commit {commit}. " if commit else "")
        + "The same settings, data, versions and machine end with the same bits; the network and "
        "everything random follow from the settings.",
        changes=", ".join(changes),
        settings=[
            {"title": "Settings", "rows": serialization.flatten(config).items()},
            {"title": "Environment", "rows": serialization.flatten(environment).items()},
        ],
        is_calibrated="coverage" in result,
        above=_run_folder_content(result, config),
    )


def _run_folder_content(result: SingleResult, config: Mapping[str, object]) -> str:
    """Returns a description of what the run folder contains besides the report."""
    kept = "metrics.jsonl, timings.jsonl, checkpoints"
    if "spread" in result:
        return "for each seed a run folder"
    if "fold_accuracies" in result:
        return f"for each fold a folder with {kept}" if "training_seconds" in result else ""
    return f"for each stage a folder with {kept}" if config.get("stages") else kept


def _test_split_reads(result: SingleResult) -> str:
    """Returns a clause about how often the run read the test split, or ""."""
    if "test_split_reads" not in result:
        return ""
    times = {0: "was not read", 1: "was read once"}
    reads = result["test_split_reads"]
    return f"; the test split {times.get(reads, f'was read {reads} times')}"


def of_several(
    title: str,
    remark: str,
    rows: Sequence[Row],
    pictures: Sequence[Picture],
    pairs: Sequence[Pair] = (),
    baseline: Row | None = None,
) -> str:
    """Returns a page with the table of all rows, and pictures below.

    Args:
        title: of the page.
        remark: a sentence about how the numbers were measured.
        rows: of the table, in order; each change of group or dataset starts with a separate line.
        pictures: below the table.
        pairs: paired tests of some of the rows.
        baseline: the row that those without a reference are compared with, or None.
    """
    table = [comparison.cells(row, baseline) for row in rows]
    # The line above each group names its dataset, so the table has no column for it. Columns that are empty
    # in every row are left out, too.
    data_column = comparison.HEADING.index("data")
    columns = [
        i
        for i in range(len(comparison.HEADING))
        if i != data_column and any(line[i] for line in table)
    ]

    def label(entry: tuple[Row, tuple[str, ...]]) -> str:
        row, line = entry
        group, data = row.group, line[data_column]
        return data if not group or data.startswith(group) else f"{group}: {data}"

    groups = [
        {
            "label": key,
            "rows": [
                {"name": row.name, "page": row.page, "cells": [line[i] for i in columns[1:]]}
                for row, line in members
            ],
        }
        for key, members in itertools.groupby(zip(rows, table, strict=True), key=label)
    ]
    heading = [comparison.HEADING[i] for i in columns]
    return _template("comparison.html").render(
        title=title,
        remark=remark,
        heading=heading,
        groups=groups,
        pictures=pictures,
        pairs_heading=paired.HEADING,
        pairs=[paired.cells(pair) for pair in pairs],
    )


def _facts(result: SingleResult) -> list[Fact]:
    low, high = result["test_accuracy_interval"]
    interval = f"95% interval {100 * low:.2f} to {100 * high:.2f}"
    facts = [
        Fact(
            "ensemble" if "spread" in result else "test accuracy",
            f"{result['test_accuracy']:.2%}",
            interval,
        ),
        Fact("misread", f"{result['test_errors']:,}", f"of {result['test_examples']:,} images"),
    ]
    for name, value in result.get("metrics", {}).items():
        text = "not a number" if value is None or math.isnan(value) else f"{value:.4g}"
        facts.append(Fact(f"test {name.replace('_', ' ')}", text))
    if several := comparison.repeats(result):
        facts.append(Fact(f"mean over {several.unit}", f"{several.mean:.2%}", str(several)))
    if "agreement" in result:
        facts.append(Fact("agreement", f"{result['agreement']:.2%}", "of two networks, on average"))
    validated = result.get("validation_accuracy")
    if validated is not None and "best_step" in result:
        chosen = f"best, at step {result['best_step']:,}"
        facts.append(Fact("validation accuracy", f"{validated:.2%}", chosen))
    error = result["test_calibration_error"]
    # JSON has no NaN, so a result that was read from a file has None instead.
    if error is not None and not math.isnan(error):
        facts.append(Fact("calibration error", f"{error:.2%}", "expected, 15 bins"))
    facts.append(Fact("parameters", f"{result['parameters']:,}"))
    if "train_examples" in result:
        validation = result["validation_examples"]
        held_out = "all, nothing held out"
        if validation:
            held_out = f"{validation:,} others held out to validate"
        facts.append(Fact("trained on", f"{result['train_examples']:,}", held_out))
    if "training_seconds" in result:
        epochs = f"{result['epochs']:.3g} epochs, {result['steps']:,} steps"
        facts.append(Fact("training", format_duration(result["training_seconds"]), epochs))
    return facts


@functools.cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxletters.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
