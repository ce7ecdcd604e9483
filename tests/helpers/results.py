"""What is in the result.json of a run and of a cross-validation, as far as tables and pages show it."""

RUN = {
    "name": "deeper <1>",
    "experiment": "train",
    "dataset": "emnist_letters",
    "dataset_note": "rebuilt split",
    "parameters": 1234,
    "epochs": 5,
    "steps": 100,
    "best_step": 80,
    "training_seconds": 75.2,
    "train_examples": 5000,
    "validation_examples": 600,
    "validation_accuracy": 0.951,
    "test_split_reads": 1,
    "test_accuracy": 0.9425,
    "test_accuracy_interval": [0.93, 0.95],
    "test_errors": 23,
    "test_examples": 400,
    "test_calibration_error": 0.0123,
}
FOLDS = {
    **RUN,
    "dataset_note": "",
    "validation_accuracy": None,
    "fold_accuracies": [0.9, 0.94],
    "fold_mean": 0.92,
    "fold_deviation": 0.0283,
}
