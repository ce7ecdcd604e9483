"""The NumPy arrays that pass between the folders, with their dtypes and shapes.

The tests check annotations with shapes at run time (tests/conftest.py says where). A name stands for
one size in a function's arguments and result; `*c` is `c` axes, none or one.
"""

import numpy as np
from jaxtyping import Float32, Int, UInt8

Images = UInt8[np.ndarray, "n h w *c"]
"""Grey images, or images of 3 channels; 0 = paper, 255 = ink."""

Labels = Int[np.ndarray, " n"]
"""The class of each image; int32 in a dataset."""

Logits = Float32[np.ndarray, "n classes"]
"""The logits of each image."""
