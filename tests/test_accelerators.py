"""The programs for TPUs, as their compiler makes them on a machine without one."""

import importlib.util
import json
import runpy
import subprocess
import sys
from types import SimpleNamespace

import jax
import pytest
import runs

SCRIPT = runs.ROOT / "benchmarks" / "accelerators.py"
# Of a loop whose body gathers rows, elements and a vector, and adds over devices.
TEXT = """
%condition.1 (x.1: s32[]) -> pred[] {
  ROOT %less.1 = pred[] compare(%x.1, %x.1), direction=LT
}

%body.1 (x.2: s32[]) -> s32[] {
  %rows.1 = u8[128,896]{1,0} gather(%a, %b), offset_dims={1}, slice_sizes={1,896}
  %pixels.1 = f32[128,28,28]{2,1,0} gather(%a, %b), offset_dims={}, slice_sizes={1,1,1}
  %labels.1 = s32[128]{0} gather(%a, %b), offset_dims={}, slice_sizes={1}
  %sum.1 = f32[8]{0} all-reduce-start(%a), to_apply=%add.1
  %fusion.1 = f32[8]{0} fusion(%a), metadata={op_name="jvp(net)"}, backend_config={"estimated_cycles":"300"}
  ROOT %fusion.2 = f32[8]{0} fusion(%a), backend_config={"estimated_cycles":"100"}
}

ENTRY %main.1 (x.3: s32[]) -> s32[] {
  %copy.1 = f32[8]{0} copy(%x.3), backend_config={"estimated_cycles":"7"}
  ROOT %while.1 = s32[] while(%x.3), condition=%condition.1, body=%body.1
}
"""


HERE = jax.sharding.SingleDeviceSharding(jax.devices()[0])
THERE = jax.sharding.SingleDeviceSharding(jax.devices()[0], memory_kind="unpinned_host")


def leaf(size, dtype):
    return jax.ShapeDtypeStruct((size,), dtype)


def test_the_operations_of_a_step_are_counted():
    program = SimpleNamespace(
        as_text=lambda: TEXT,
        memory_analysis=lambda: SimpleNamespace(argument_size_in_bytes=5, temp_size_in_bytes=6),
        cost_analysis=lambda: {"bytes accessed": 4.0},
        out_info=(leaf(3, int), leaf(3, float), leaf(3, int), leaf(3, int)),
        args_info=(((leaf(3, int), leaf(3, int)), (leaf(3, int), leaf(3, int)), None), {}),
        output_shardings=(HERE, HERE, THERE, HERE),
        input_shardings=(((HERE, HERE), (HERE, HERE), None), {}),
    )
    found = runpy.run_path(str(SCRIPT))["row"](program, training=True)
    assert found == {
        "cycles": 400,
        "network": 0.75,
        "accessed": 4,
        "arguments": 5,
        "temporary": 6,
        "element_gathers": 1,
        "host_transfers": 0,
        "collectives": 1,
        "float64": 0,
        "changed": 2,
    }


@pytest.mark.slow
def test_steps_are_timed_on_the_devices_that_are_here():
    kind, micros = runpy.run_path(str(SCRIPT))["measured"]("emnist_mlp", steps=2)
    assert kind == jax.devices()[0].device_kind
    assert micros > 0


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None,
    reason="needs the compiler for TPUs: pip install 'jaxletters[aot]'",
)
@pytest.mark.parametrize("options", [("v5e:1x1",), ("v5e:2x4",), ("v5e:1x1", "--prediction")])
def test_no_program_gathers_pixels_or_waits_for_the_host(options):
    command = [sys.executable, str(SCRIPT), "--program", "emnist_deeper", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    keys = ("element_gathers", "host_transfers", "float64", "changed")
    assert [found[key] for key in keys] == [0, 0, 0, 0]
    # The gradient, the statistics and the loss are sums over devices.
    assert (found["collectives"] > 0) == (options == ("v5e:2x4",))
