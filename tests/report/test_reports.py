import json

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from jaxletters.core.errors import UserError
from jaxletters.core.types import Dataset
from jaxletters.evaluation import analysis
from jaxletters.report import charts, image_grids, reports, style
from jaxletters.report.reports import RunReport

NAMES = ("N/A", "A", "B", "C")
PICTURES = [
    "learning_curves.png",
    "class_accuracy.png",
    "confusion_matrix.png",
    "reliability.png",
    "worst_mistakes.png",
    "contact_sheet.png",
]
HISTORY = [
    {
        "step": 5,
        "epoch": 0.5,
        "split": "train",
        "loss": 1.5,
        "accuracy": 0.4,
        "learning_rate": 1e-3,
    },
    {
        "step": 10,
        "epoch": 1.0,
        "split": "train",
        "loss": 0.9,
        "accuracy": 0.7,
        "learning_rate": 1e-3,
    },
    {"step": 10, "epoch": 1.0, "split": "validation", "loss": 0.7, "accuracy": 0.8},
]


def dataset(labels):
    labels = np.asarray(labels, np.int32)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 28, 28), np.uint8)
    return Dataset(images, labels, NAMES)


def run_report(predicted, labels=(1, 1, 2, 2, 3, 3), history=HISTORY, **result):
    test, logits = dataset(labels), 5 * np.eye(len(NAMES), dtype=np.float32)[list(predicted)]
    return RunReport(
        history=history,
        train_sample=dataset([3, 1, 2, 1]),
        test=test,
        test_logits=logits,
        result={
            "name": "quickstart",
            "dataset_note": "generated data",
            "experiment": "train",
            "dataset": "sketch_letters",
            "steps": 10,
            "epochs": 1.0,
            "best_step": 10,
            "parameters": 1234567,
            **result,
            **analysis.score(test, logits),
        },
        config={"seed": 0},
        environment={},
        changes=[],
    )


@pytest.mark.slow
def test_files_of_a_report(tmp_path):
    run = run_report((1, 1, 2, 3, 3, 1), validation_accuracy=0.8, seconds=3725.26)
    written = reports.write(tmp_path / "run" / "report", reports.of_run(run))
    assert [path.name for path in written] == [
        *PICTURES,
        "index.html",
        "predictions.npz",
        "result.txt",
        "result.json",
    ]
    assert sorted(written) == sorted((tmp_path / "run" / "report").iterdir())
    sizes = {path.name: imread(path).shape[1::-1] for path in written[:6]}
    assert sizes["learning_curves.png"] == (1350, 570)
    assert all(300 < width < 2000 and 100 < height < 2000 for width, height in sizes.values())

    with np.load(written[7]) as predictions:
        assert set(predictions) == {"labels", "logits"}
        np.testing.assert_array_equal(predictions["labels"], run.test.labels)
        np.testing.assert_array_equal(predictions["logits"], run.test_logits)
    result = json.loads(written[9].read_text())
    assert result["name"] == "quickstart"
    assert result["dataset_note"] == "generated data"
    assert result["seconds"] == 3725.26
    assert result["test_accuracy"] == pytest.approx(4 / 6)
    assert [c["label"] for c in result["confusions"]] == ["B", "C"]

    assert written[8].read_text().splitlines() == [
        "quickstart (generated data)",
        "",
        "experiment              train",
        "dataset                 sketch_letters",
        "steps                   10",
        "epochs                  1.0000",
        "best step               10",
        "parameters              1,234,567",
        "validation accuracy     80.00%",
        "seconds                 3,725.3",
        "test accuracy           66.67% (95% interval 30.00% to 90.32%)",
        "test balanced accuracy  66.67%",
        "test errors             2",
        "test examples           6",
        "test loss               1.6867",
        "test calibration error  31.35%",
        "",
        "accuracy by class",
        "  A 100.00%   B  50.00%   C  50.00%",
        "",
        "most frequent confusions",
        "  B taken for C       1 times, 50.0% of B",
        "  C taken for A       1 times, 50.0% of C",
        "  if A and C counted as one: test accuracy 83.33%",
    ]


@pytest.mark.slow
def test_conformal_sets_have_a_table(tmp_path):
    row = {
        "asked": 0.9,
        "within_threshold": 0.912,
        "measured": 0.934,
        "lowest": 0.856,
        "size": 1.234,
        "single": 0.789,
    }
    reports.write(tmp_path, reports.of_run(run_report((1, 1, 2, 3, 3, 1), coverage=[row])))
    html = (tmp_path / "index.html").read_text()
    cells = ["90%", "91.2%", "93.4%", "85.6%", "1.23", "78.9%"]
    assert "".join(f"<td>{cell}</td>" for cell in cells) in html
    assert json.loads((tmp_path / "result.json").read_text())["coverage"] == [row]
    (line,) = [x for x in (tmp_path / "result.txt").read_text().splitlines() if "asked" in x]
    assert line.split()[:4:2] == ["90.0%", "93.4%"]


@pytest.mark.slow
def test_written_again_the_bytes_are_the_same(tmp_path):
    run = run_report((1, 1, 2, 3, 3, 1))
    first = [path.read_bytes() for path in reports.write(tmp_path, reports.of_run(run))]
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        assert [path.read_bytes() for path in reports.write(tmp_path, reports.of_run(run))] == first
        assert matplotlib.rcParams["font.size"] == 20
    assert len(list(tmp_path.iterdir())) == len(first)


@pytest.mark.slow
@pytest.mark.parametrize(
    "run",
    [
        run_report((1,), labels=(1,), history=[{**HISTORY[2], "loss": 0.0, "accuracy": 1.0}]),
        run_report((2, 2, 1), labels=(1, 1, 2), history=HISTORY[:1], best_step=-1),
        run_report((1, 2), labels=(1, 2), history=[], best_step=-1, validation_accuracy=None),
        run_report((1, 2), labels=(1, 2), history=[{**HISTORY[2], "loss": np.nan}])._replace(
            test_logits=np.full((2, 4), np.nan, np.float32)
        ),
    ],
    ids=["all right", "all wrong", "nothing recorded", "diverged"],
)
def test_unusual_runs_get_a_report(tmp_path, run):
    drawn = [path for path in reports.write(tmp_path, reports.of_run(run)) if path.suffix == ".png"]
    assert len(drawn) == (6 if run.history else 5), "no training, no curves"
    for path in drawn:
        assert imread(path).ndim == 3
    assert json.loads((tmp_path / "result.json").read_text(), parse_constant=pytest.fail)


def test_contact_sheet_shows_each_image_upright_in_the_row_of_its_class(tmp_path):
    images = np.zeros((3, 28, 28), np.uint8)
    images[0, :14, :7] = 255  # class C: ink at the top left
    images[1, 14:, 7:] = 255  # class A: ink at the bottom right
    images[2, :, 20:] = 255  # class C again: ink at the right
    with style.style():
        figure = image_grids.contact_sheet(Dataset(images, np.array([3, 1, 3], np.int32), NAMES))
        (tmp_path / "sheet.png").write_bytes(style.png(figure, "caption"))
    (axes,) = figure.axes
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["A", "C"]

    picture = imread(tmp_path / "sheet.png")[:, :, :3].mean(axis=2)
    middles = axes.transData.transform([(14, y) for y in axes.get_yticks()])
    for name, column, image in (("A", 0, images[1]), ("C", 0, images[0]), ("C", 1, images[2])):
        x, y = middles[names.index(name)].round().astype(int)
        left, top = x - 28 + column * 64, len(picture) - y - 28
        drawn = picture[top : top + 56, left : left + 56]
        np.testing.assert_array_equal(drawn, 1 - np.kron(image // 255, np.ones((2, 2))))


@pytest.mark.slow
def test_classes_that_never_occur_are_not_in_the_confusion_matrix():
    labels, predicted = np.array([1, 1, 1, 2]), np.array([1, 1, 2, 2])
    axes = charts.confusion_matrix(labels, predicted, NAMES).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["A", "B"]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "66.7", (1, 0): "33.3", (1, 1): "100"}


def test_a_class_that_is_only_predicted_is_in_the_confusion_matrix():
    axes = charts.confusion_matrix(np.array([1, 1]), np.array([0, 1]), NAMES).axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["N/A", "A"]


@pytest.mark.slow
def test_the_best_validation_is_ringed():
    history = [
        {"step": 20 * epoch, "epoch": epoch, "split": "validation"}
        | {"loss": 1 / epoch, "accuracy": 1 - 1 / epoch}
        for epoch in (1, 2, 3, 4)
    ]
    losses, accuracies = charts.learning_curves(history, best_step=60).axes
    for axes, value in ((losses, 1 / 3), (accuracies, 1 - 1 / 3)):
        (ring,) = (line for line in axes.lines if line.get_label() == "best, epoch 3")
        assert (ring.get_xdata().item(), ring.get_ydata().item()) == (3.0, value)


def test_a_line_stands_where_a_stage_ends():
    history = [
        {"step": epoch, "epoch": float(epoch), "split": split, "stage": 1 + (epoch > 2)}
        | {"loss": 1 / epoch, "accuracy": 1 - 1 / epoch}
        for epoch in (1, 2, 3, 4)
        for split in ("train", "validation")
    ]
    for axes in charts.learning_curves(history, best_step=4).axes:
        ends = [set(line.get_xdata()) for line in axes.lines if line.get_linestyle() == ":"]
        assert ends == [{2.0}]
        assert "stage" in axes.get_xlabel()


def test_the_first_steps_do_not_squeeze_the_rest_of_a_run_that_was_not_validated():
    history = [
        {
            "step": s,
            "epoch": s / 10,
            "split": "train",
            "loss": 1.0,
            "accuracy": min(0.05 * s, 0.9 + s / 1e3),
        }
        for s in range(1, 41)
    ]
    for axes in (
        charts.learning_curves(history, best_step=-1).axes[1],
        charts.several_curves({"run": history}).axes[0],
    ):
        low, high = axes.get_ylim()
        # After the first epoch accuracies lie between 0.55 and 0.94.
        assert 0.5 < low < 0.55
        assert 0.94 < high < 1


@pytest.mark.slow
def test_a_folder_that_cannot_be_made_is_the_users_to_mend(tmp_path):
    (tmp_path / "report").touch()
    with pytest.raises(UserError, match=r"learning_curves\.png: cannot be written"):
        reports.write(tmp_path / "report", reports.of_run(run_report((1, 1, 2, 3, 3, 1))))


@pytest.mark.slow
def test_the_result_that_ends_a_run_is_written_last(tmp_path):
    *others, last = reports.write(tmp_path, reports.of_run(run_report((1, 1, 2, 3, 3, 1))))
    assert last.name == "result.json"
    assert len(others) == 9


def test_classes_stand_from_the_worst_read_to_the_best_with_their_intervals():
    labels, predicted = np.array([1, 1, 1, 1, 2, 3, 3]), np.array([1, 1, 1, 2, 2, 3, 1])
    axes = charts.class_accuracy(labels, predicted, NAMES).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["C", "A", "B"]
    points = [line.get_ydata().tolist() for line in axes.lines if line.get_marker() == "o"]
    assert points == [[0.5], [0.75], [1.0]]
    for point, line in zip(points, axes.lines[::2], strict=True):
        low, high = line.get_ydata()
        assert low < point[0] <= high


def test_the_reliability_diagram_shows_how_often_each_probability_is_right():
    # Three predictions of two thirds, of which one is right, and one of almost one, which is.
    logits = np.log(np.array([[2, 1], [2, 1], [2, 1], [1, 999]], np.float32))
    shares, counts = charts.reliability(np.array([0, 1, 1, 1]), logits).axes
    (line,) = (line for line in shares.lines if line.get_marker() == "o")
    np.testing.assert_allclose(line.get_xdata(), [2 / 3, 0.999], rtol=1e-6)
    np.testing.assert_allclose(line.get_ydata(), [1 / 3, 1])
    assert [bar.get_height() for bar in counts.patches] == [3, 1]


@pytest.mark.slow
def test_what_a_run_can_show_of_its_network_is_in_its_report(tmp_path):
    originals = dataset([1, 2]).images
    variants = np.stack([originals] * 3, axis=1)
    kernels = np.random.default_rng(0).normal(size=(3, 3, 20)).astype(np.float32)
    run = run_report((1, 2), labels=(1, 2), history=[])
    written = reports.write(
        tmp_path, reports.of_run(run._replace(augmented=(originals, variants), kernels=kernels))
    )
    page = (tmp_path / "index.html").read_text()
    for name in ("augmentation.png", "kernels.png"):
        assert tmp_path / name in written
        assert f'src="{name}"' in page


def test_kernels_are_dark_where_ink_counts_for_them():
    weights = np.zeros((2, 2, 2), np.float32)
    weights[0, 0, 0], weights[1, 1, 0] = 2, -1
    weights[:, :, 1] = 1e-9
    with style.style():
        (axes,) = image_grids.kernels(weights).axes
    drawn = axes.images[0].get_array()
    assert drawn[1:3, 0:2].tolist() == [[255, 128], [128, 64]]
    assert drawn[1:3, 3:5].tolist() == [[255, 255], [255, 255]], "to its own scale"
