"""A sweep over common techniques, one at a time, on a small network for EMNIST Letters.

    python launch.py --config configs/emnist_variations.py

The baseline: 3x3 convolutions of 32 and 64 channels, each with ReLU and max-pooling, Glorot's
initialisation, Adam, five epochs, and nothing else. It is trained on 52,000 letters, drawn as evenly from all
classes as possible, a sixth of them held out for validation. Every row has three seeds.
"""

import jaxletters as jl


def _variation(technique: str, name: str, *overrides: str) -> jl.VariationConfig:
    return jl.VariationConfig(technique, name, overrides)


def get_config() -> jl.SweepConfig:
    """Returns the baseline and a row for each variation."""
    return jl.SweepConfig(
        dataset=jl.Emnist(),
        split=jl.Split(limit=26 * 2_000),
        model=jl.DeeperConfig(
            widths=(32, 64),
            kernel_sizes=(3, 3),
            depths=(1, 1),
            padding="valid",
            initializer="glorot_uniform",
            batch_norm=False,
        ),
        training=jl.TrainingConfig(batch_size=128, epochs=5),
        seeds=3,
        variations=(
            *jl.grid(
                "initialisation", {"model.initializer": ("he_normal", "lecun_normal", "orthogonal")}
            ),
            *jl.grid("activation", {"model.activation": ("elu", "gelu", "leaky_relu", "tanh")}),
            _variation(
                "optimizer", "SGD, rate 0.1", "optimizer.name=sgd", "optimizer.learning_rate=0.1"
            ),
            _variation(
                "optimizer",
                "Nesterov momentum, rate 0.05",
                "optimizer.name=nesterov",
                "optimizer.learning_rate=0.05",
            ),
            _variation("optimizer", "RMSprop", "optimizer.name=rmsprop"),
            _variation(
                "optimizer",
                "AdamW, one cycle, rate 0.004",
                "optimizer.name=adamw",
                "optimizer.learning_rate=0.004",
                "optimizer.weight_decay=0.02",
                "optimizer.schedule.name=one_cycle",
                "optimizer.schedule.warmup=0.2",
            ),
            _variation("BatchNorm", "before the activation", "model.batch_norm=true"),
            _variation(
                "BatchNorm",
                "after pooling",
                "model.batch_norm=true",
                "model.norm_position=after_pooling",
            ),
            _variation(
                "augmentation",
                "rotation, shear, scale, shift",
                "augment.rotation=10",
                "augment.shear=0.15",
                "augment.scale=0.1",
                "augment.shift=2",
            ),
            _variation("regularisation", "L1 1e-5", "loss.l1=1e-5"),
            _variation("regularisation", "L2 1e-4", "loss.l2=1e-4"),
            _variation("regularisation", "label smoothing 0.1", "loss.label_smoothing=0.1"),
            *jl.grid("dropout", {"model.dropout": (0.25, 0.5)}),
            _variation(
                "early stopping",
                "20 epochs, patience 3",
                "training.epochs=20",
                "training.patience=3",
            ),
            *jl.grid("pooling", {"model.pooling": ("avg", "stride")}),
            _variation("filters", "64 and 128", "model.widths=(64, 128)"),
            _variation("hidden layers", "a dense one of 128", "model.hidden=(128,)"),
            _variation("hidden layers", "two dense ones of 256", "model.hidden=(256, 256)"),
            _variation("hidden layers", "four convolutions", "model.depths=(2, 2)"),
        ),
    )
