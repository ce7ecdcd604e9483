"""A finished run's network, as somebody who wants to read letters with it meets it."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import runs

from jaxletters.core.errors import UserError
from jaxletters.evaluation import conformal
from jaxletters.reading import loader
from jaxletters.runtime.files import load_json, write_json


@pytest.fixture(scope="module")
def tested(finished_run):
    """The logits of its test examples, as its report has them, and their labels."""
    with np.load(finished_run / "report" / "predictions.npz") as found:
        return found["logits"], found["labels"]


@pytest.fixture(scope="module")
def images():
    from jaxletters.data.synthetic import sketch

    return sketch.draw(156, "test", 0)


@pytest.mark.slow
def test_it_reads_as_the_run_was_tested(finished_run, tested, images):
    found = loader.load(finished_run)
    np.testing.assert_array_equal(images[1], tested[1])
    np.testing.assert_allclose(found.logits(images[0]), tested[0], rtol=1e-4, atol=1e-5)
    assert (found.name, found.image_shape, len(found.class_names)) == ("small", (28, 28), 27)


@pytest.mark.parametrize("count", [1, 16, 17])
def test_how_many_images_come_together_does_not_show(finished_run, images, tested, count):
    classifier = loader.load(finished_run)
    predictions = classifier.predict(images[0][:count])
    expected = conformal.probabilities(tested[0][:count], classifier.calibration)
    np.testing.assert_allclose(predictions.probabilities, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(predictions.labels, tested[0][:count].argmax(1))
    assert predictions.names == tuple(classifier.class_names[i] for i in predictions.labels)


def test_a_run_is_calibrated_from_its_validation_examples(finished_run, tested):
    classifier = loader.load(finished_run)
    result = load_json(finished_run / "report" / "result.json")
    assert classifier.calibration.temperature == result["temperature"] != 1
    assert classifier.calibration.by_class[0] == ()  # "N/A"
    assert all(classifier.calibration.by_class[1:])
    probabilities = conformal.probabilities(tested[0], classifier.calibration)
    for row in result["coverage"]:
        measured = conformal.measure(probabilities, tested[1], classifier.calibration, row["asked"])
        assert measured == pytest.approx(row)


def test_a_run_of_an_earlier_version_has_no_calibration(finished_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    calibration = run / "report" / "calibration.json"
    calibration.write_text('{"temperature": 1}')
    with pytest.raises(UserError, match=str(calibration)):
        loader.load(run)
    calibration.unlink()
    assert loader.load(run).calibration is None


def test_the_best_guesses_come_in_order(finished_run, images):
    predictions = loader.load(finished_run).predict(images[0][0])
    (best,) = predictions.best(27)
    shares = [share for _, share in best]
    assert shares == sorted(shares, reverse=True)
    assert best[0][0] == predictions.names[0]
    assert sorted(name for name, _ in best) == sorted({*predictions.class_names} - {"N/A"})
    np.testing.assert_allclose(sum(shares), 1, rtol=1e-5)


def test_no_images_are_no_predictions(finished_run):
    predictions = loader.load(finished_run).predict(np.empty((0, 28, 28), np.uint8))
    assert predictions.probabilities.shape == (0, 27)
    assert predictions.names == ()


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.zeros((2, 20, 16), np.uint8), r"\[2, 20, 16\]"),
        (np.zeros((2, 28, 28, 1), np.uint8), r"\[2, 28, 28, 1\]"),
        (np.zeros((2, 28, 28), np.float32), "float32"),
    ],
)
def test_what_is_no_image_is_refused(finished_run, images, expected):
    with pytest.raises(UserError, match=expected):
        loader.load(finished_run).predict(images)


def test_what_trained_no_single_network_is_refused(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}: expected a finished run"):
        loader.load(tmp_path)
    write_json(tmp_path / "report" / "result.json", {"experiment": "cross-validation"})
    with pytest.raises(UserError, match=r"found .*'cross-validation'"):
        loader.load(tmp_path)


@pytest.mark.slow
def test_what_is_exported_reads_as_the_run_was_tested(finished_run, tested, images, tmp_path):
    target = tmp_path / "bundle"
    done = runs.jaxletters("export", finished_run, "--to", target)
    assert done.returncode == 0, done.stderr
    assert f"jaxletters predict {target} image.png" in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    names = ("model.stablehlo", "model.onnx", "weights.safetensors")
    rows = {line[0]: line for line in lines if line and line[0] in names}
    assert {name: row[-3:] for name, row in rows.items()} == {
        name: ["1,000", "of", "1,000"] for name in names
    }
    assert [int(rows[name][1].replace(",", "")) for name in names] == [
        (target / name).stat().st_size for name in names
    ]
    exported = loader.load(target)
    logits = exported.logits(images[0])
    np.testing.assert_allclose(logits, tested[0], rtol=1e-4, atol=1e-5)
    assert exported.calibration == loader.load(finished_run).calibration


@pytest.mark.slow
def test_no_part_of_training_is_imported(finished_run):
    program = f"""
import sys
from jaxletters.reading import loader
loader.load({str(finished_run)!r})
training = {{"evaluation.losses", "experiments", "report", "runs.journal", "training"}}
print(*sorted({{"matplotlib", "tensorflow_datasets"}} & set(sys.modules)))
print(*sorted(name for name in training if f"jaxletters.{{name}}" in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=runs.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
