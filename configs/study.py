"""The whole course: all experiments and one table with the effect of each step.

    python launch.py --config configs/study.py
    python launch.py --config configs/study.py --config.budget=quick --workdir checkpoints/study_quick

Finished experiments are not repeated. The references are the test accuracies of the original course
notebook.
"""

import jaxletters as jl


def get_config() -> jl.StudyConfig:
    """Returns the experiments in the order of the course."""
    return jl.StudyConfig(
        experiments=(
            jl.EntryConfig("configs/mnist_mlp.py", 98.02),
            jl.EntryConfig("configs/mnist_convnet.py"),
            jl.EntryConfig("configs/mnist_simple_convnet.py"),
            jl.EntryConfig("configs/emnist_mlp.py", 90.16),
            jl.EntryConfig("configs/emnist_convnet.py"),
            jl.EntryConfig("configs/emnist_simple_convnet.py", 93.22),
            jl.EntryConfig("configs/emnist_notebook.py", 93.69),
            jl.EntryConfig("configs/emnist_deeper.py", 93.69),
            jl.EntryConfig("configs/emnist_variations.py"),
            jl.EntryConfig("configs/alphadigits_zero_shot.py", 77.81),
            jl.EntryConfig("configs/alphadigits_transfer.py", 86.70),
            jl.EntryConfig("configs/alphadigits_scratch.py", 83.25),
            jl.EntryConfig("configs/alphadigits_transfer_crossval.py"),
            jl.EntryConfig("configs/alphadigits_scratch_crossval.py", 84.82),
        ),
    )
