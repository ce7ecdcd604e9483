"""EMNIST Letters with VGG-5, the baseline of SpinalNet's authors: a comparison for our residual network.

    python launch.py --config configs/emnist_vgg5.py

Ten 3x3 convolutions with BatchNorm in four stages, a dense layer of 512, dropout of one half, Adam,
rotation and shear (Kabir et al., SpinalNet: Deep Neural Network with Gradual Input, 2020, section III):
3.65 million parameters, 161 million multiply-adds an image. Theirs is trained for 200 epochs; ours for five,
fixed in advance, over which the learning rate falls to zero: half an hour or more on two CPU cores.
"""

import jaxletters as jl


def get_config() -> jl.Config:
    """Returns the network with a schedule that two CPU cores can afford."""
    return jl.Config(
        dataset=jl.Emnist(),
        split=jl.Split(validation_per_class=0),
        model=jl.DeeperConfig(
            widths=(64, 128, 256, 256),
            kernel_sizes=(3, 3, 3, 3),
            depths=(2, 2, 3, 3),
            hidden=(512,),
            dropout=0.5,
        ),
        augment=jl.AugmentConfig(rotation=10, shear=0.2),
        optimizer=jl.OptimizerConfig(name="adam", schedule=jl.ScheduleConfig(name="cosine")),
        training=jl.TrainingConfig(batch_size=128, epochs=5),
        test_shift=1,
    )
