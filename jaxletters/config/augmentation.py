"""Augmentations: random changes of training images."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from jaxletters.config.parts import setting
from jaxletters.config.slots import Augmentation

if TYPE_CHECKING:
    import jax


@dataclasses.dataclass(frozen=True)
class AugmentConfig(Augmentation):
    """The ranges of random changes of training images; no augmentation if all are zero.

    Attributes:
        rotation: largest angle, in degrees.
        shear: largest horizontal shear, as a fraction of the height.
        scale: largest relative change of size.
        shift: largest shift along each axis, in pixels.
        elastic: standard deviation of a smooth displacement of every pixel, in pixels.
        stroke: largest distance from one half of the threshold that turns a blurred image into ink: strokes
            become thinner and thicker.
        filled: share of images of which small loops and corners fill with ink, as with a thick pen.
        low_resolution: share of images that are reduced to 20x16 bits and enlarged again.
        erase: largest edge of a square that is erased to paper, in pixels.
    """

    rotation: float = setting(0.0, low=0, high=180)
    shear: float = setting(0.0, low=0)
    scale: float = setting(0.0, low=0, high=0.9)
    shift: float = setting(0.0, low=0)
    elastic: float = setting(0.0, low=0)
    stroke: float = setting(0.0, low=0, high=0.25)
    filled: float = setting(0.0, low=0, high=1)
    low_resolution: float = setting(0.0, low=0, high=1)
    erase: int = setting(0, low=0, high=28)

    def apply(self, key: "jax.Array", image: "jax.Array") -> "jax.Array":
        """Returns a changed image; see the base class."""
        from jaxletters.training import augment

        return augment.augment_image(key, image, self)


@dataclasses.dataclass(frozen=True)
class Sometimes(Augmentation):
    """Another augmentation for some of the images; the others stay as they are.

    Attributes:
        part: the other augmentation, one that changes each image alone by `apply`.
        share: share of the images that it changes.
    """

    part: Augmentation = AugmentConfig()
    share: float = setting(0.5, low=0, high=1)

    def problems(self) -> Iterator[str]:
        """Yields conflicts between settings."""
        kind = type(self.part)
        if kind.apply_batch is not Augmentation.apply_batch:
            yield (
                "part: expected an augmentation that changes each image alone (apply), found "
                f"{kind.__name__}, which changes whole batches (apply_batch); take it out of Sometimes"
            )

    def apply(self, key: "jax.Array", image: "jax.Array") -> "jax.Array":
        """Returns the image, perhaps changed; see the base class."""
        import jax
        import jax.numpy as jnp

        part_key, choice_key = jax.random.split(key)
        chosen = jax.random.bernoulli(choice_key, self.share)
        return jnp.where(chosen, self.part.apply(part_key, image), image)


@dataclasses.dataclass(frozen=True)
class NonLetters(Augmentation):
    """Replaces letters by images that are not one letter, with label 0, which EMNIST Letters does not use.

    A network so trained can refuse: pairs of letters, pieces of letters, drawings, scribbles, digits, signs.

    Attributes:
        share: share of the images that are replaced.
    """

    non_letter: ClassVar[int | None] = 0
    first_letter: ClassVar[int] = 1
    """The label of A; the letters follow in order."""

    share: float = setting(0.2, low=0, high=0.9)

    def apply_batch(
        self, key: "jax.Array", images: "jax.Array", labels: "jax.Array"
    ) -> "tuple[jax.Array, jax.Array]":
        """Returns the images and labels with non-letters; see the base class."""
        from jaxletters.training import non_letters

        return non_letters.replace(key, images, labels, self)


@dataclasses.dataclass(frozen=True)
class NonCharacters(NonLetters):
    """The same for `Joined((Mnist(), Emnist()))`: digits are characters there, and A is label 11."""

    first_letter: ClassVar[int] = 11


@dataclasses.dataclass(frozen=True)
class EntryStrokes(Augmentation):
    """Adds a stroke at the left or the right of some of EMNIST's letters, as joined writing has.

    Only to letters that it does not turn into others.

    Attributes:
        share: share of the images that get strokes, if their letter can have them.
    """

    share: float = setting(0.2, low=0, high=1)

    def apply_batch(
        self, key: "jax.Array", images: "jax.Array", labels: "jax.Array"
    ) -> "tuple[jax.Array, jax.Array]":
        """Returns the images, some with a stroke, and the labels; see the base class."""
        from jaxletters.training import joined_letters

        return joined_letters.join_strokes(key, images, labels, self), labels


@dataclasses.dataclass(frozen=True)
class LetterCuts(Augmentation):
    """Makes some letters look as if they were cut from a neighbour that touches them.

    They lack a little of one side, or have a little of another letter there.

    Attributes:
        share: share of the images that are changed.
    """

    share: float = setting(0.15, low=0, high=1)

    def apply_batch(
        self, key: "jax.Array", images: "jax.Array", labels: "jax.Array"
    ) -> "tuple[jax.Array, jax.Array]":
        """Returns the images, some of them cut, and the labels; see the base class."""
        from jaxletters.training import joined_letters

        return joined_letters.cut_out(key, images, labels, self)
