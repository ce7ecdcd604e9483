"""What the next version of JAX or Flax may remove or break, and what to do then."""

import ast
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_layers import MODULES, ROOT, imports

from jaxletters.runtime import xla

pytestmark = pytest.mark.slow

YNN_OPTION = "xla_cpu_experimental_ynn_fusion_type"


# What may be gone is imported by the checks themselves, so that a failure says what to do.


def the_literals_of_a_traced_function_are_known() -> None:
    import jax.extend

    table = jnp.arange(3.0)
    # Since JAX 0.12 what `make_jaxpr` returns has no jaxpr in it but is one.
    closed: Any = jax.make_jaxpr(lambda x: 2.0 * x + table)(np.ones(3, np.float32))
    jaxpr = getattr(closed, "jaxpr", closed)
    atoms = [atom for equation in jaxpr.eqns for atom in equation.invars]
    literals = [atom for atom in atoms if isinstance(atom, jax.extend.core.Literal)]
    assert [float(literal.val) for literal in literals] == [2.0]
    (constant,) = closed.consts
    np.testing.assert_array_equal(constant, table)
    variables = {atom for atom in atoms if not isinstance(atom, jax.extend.core.Literal)}
    assert variables >= {*jaxpr.constvars, *jaxpr.invars}
    assert len(jaxpr.constvars) == len(jaxpr.invars) == len(jaxpr.outvars) == 1


def xla_keeps_the_call_that_may_not_be_inlined() -> None:
    from jaxletters.ops import barrier

    program = jax.jit(lambda x: barrier.stored(2 * x) + 1).lower(jnp.ones(4)).compile().as_text()
    (call,) = [line for line in program.splitlines() if " call(" in line]
    assert 'inlineable="false"' in call


def the_settings_of_jax_are_read_by_name() -> None:
    name = "jax_traceback_in_locations_limit"
    before = jax.config.values[name]
    try:
        jax.config.update(name, before + 1)
        assert jax.config.values[name] == before + 1
    finally:
        jax.config.update(name, before)
    assert "jax_compilation_cache_dir" in jax.config.values


def xla_knows_the_option_since_jax_0_10() -> None:
    assert (YNN_OPTION in (xla.compiler_options() or {})) == (jax.__version_info__ >= (0, 10))


def the_coordination_service_keeps_values() -> None:
    from jax._src import distributed
    from jaxlib import _jax

    from jaxletters.runtime import coordination

    assert "client" in vars(type(distributed.global_state))
    for name in (
        "key_value_set_bytes",
        "blocking_key_value_get_bytes",
        "key_value_dir_get_bytes",
        "key_value_delete",
        "wait_at_barrier",
    ):
        assert callable(getattr(_jax.DistributedRuntimeClient, name))
    assert issubclass(coordination.RuntimeFailure, RuntimeError)


class Place(NamedTuple):
    """Where this project reaches into JAX, past what JAX promises to keep."""

    still_works: Callable[[], None]
    otherwise: str


PLACES = {
    "jax.extend": Place(
        the_literals_of_a_traced_function_are_known,
        "Without it there is no ONNX export. `_run` must tell literals from variables: look for the new "
        "home of `jax.extend.core.Literal` in JAX's change log, or ask for the attribute `val`, which "
        "variables do not have.",
    ),
    "jax.experimental.xla_metadata": Place(
        xla_keeps_the_call_that_may_not_be_inlined,
        "Results stay right, but training on CPUs gets slower. Return `_identity(x)` from `stored` "
        "without the metadata, measure with benchmarks/train_speed.py, and look for another way to keep "
        "XLA from inlining a call.",
    ),
    "jax._src": Place(
        the_coordination_service_keeps_values,
        "Without it there are no runs of several processes. Look in JAX's change log for public access to "
        "the key-value store of `jax.distributed`, and use it in `runtime.coordination`.",
    ),
    "jax.config.values": Place(
        the_settings_of_jax_are_read_by_name,
        "Read a setting as an attribute instead: `getattr(jax.config, name)`.",
    ),
    YNN_OPTION: Place(
        xla_knows_the_option_since_jax_0_10,
        "Nothing fails: `options` leaves out what XLA does not know. But training on CPUs may be slower: "
        "run benchmarks/startup.py, and look for the option's new name in XLA's debug options, or remove "
        "it where XLA's default has become as fast.",
    ),
}


def users():
    """Which modules use what of JAX: names, imported or not, that JAX may change, and the option."""
    unstable = ("core", "config.values", "experimental", "extend", "interpreters", "lib", "_src")
    found = {}
    for module, tree in MODULES.items():
        nodes = list(ast.walk(tree))
        names = {*imports(tree), *(ast.unparse(n) for n in nodes if isinstance(n, ast.Attribute))}
        used = {
            next((known for known in PLACES if name.startswith(known)), name)
            for name in names
            if any(f"{name}.".startswith(f"jax.{part}.") for part in unstable)
        }
        if any(isinstance(node, ast.Constant) and node.value == YNN_OPTION for node in nodes):
            used.add(YNN_OPTION)
        for name in used:
            found.setdefault(name, []).append(f"jaxletters.{module}")
    return found


@pytest.mark.parametrize("name", PLACES)
def test_what_reaches_into_jax_still_works(name):
    place = PLACES[name]
    try:
        place.still_works()
    except Exception as error:
        where = ", ".join(users()[name])
        pytest.fail(f"{name} in {where}, JAX {jax.__version__}: {error!r}\n{place.otherwise}")


def test_no_other_place_reaches_into_jax():
    assert set(users()) == set(PLACES)


def test_an_option_that_xla_does_not_know_is_left_out(monkeypatch):
    monkeypatch.setattr(xla, "_OPTIONS", {"cpu": {"xla_cpu_option_of_another_version": ""}})
    assert xla.compiler_options() is None


TRAINING = """
import importlib, sys
for name in sys.argv[1:]:
    while name:
        try:
            importlib.import_module(name)
            break
        except ModuleNotFoundError:  # a function's name, or a package that is not installed
            name = name.rpartition(".")[0]
import jax.numpy as jnp, tiny
from jaxletters.training import train_step
task, examples = tiny.task(), tiny.examples()
state = train_step.init_state(task)
tiny.update(task, state, tiny.batch_at(task, examples, state.step))
print(*(name for name in sys.modules if name.startswith("flax.nnx")))
"""


def test_flax_nnx_is_never_imported():
    """Some versions of Flax cannot import it on some of JAX (pyproject.toml says which)."""
    used = {full for tree in MODULES.values() for full in imports(tree)}
    assert not any(full.startswith("flax.nnx") for full in used)
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, *sorted(used)],
        capture_output=True,
        text=True,
        cwd=ROOT / "tests" / "helpers",
        check=True,
    )
    assert done.stdout.split() == []
