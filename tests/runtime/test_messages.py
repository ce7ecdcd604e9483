"""Messages survive their way as bytes."""

from hypothesis import given
from hypothesis import strategies as st

from jaxletters.runtime import messages
from jaxletters.runtime.messages import Call, End, NewArray, NewProgram, Sync

NUMBERS = st.lists(st.integers(0, 2**40))
MESSAGES = st.one_of(
    st.builds(NewProgram, st.integers(0), NUMBERS),
    st.builds(NewArray, st.integers(0), st.sampled_from(["<f4", "|u1"]), NUMBERS),
    st.builds(Call, st.integers(0), NUMBERS, NUMBERS, NUMBERS),
    st.builds(Sync, st.integers(0)),
    st.builds(End, st.sampled_from(["result", "error"]), st.text()),
)


@given(MESSAGES, st.binary())
def test_decoding_returns_what_was_encoded(message, data):
    decoded, rest = messages.decode(messages.encode(message, data))
    assert type(decoded) is type(message)
    assert decoded == message
    assert rest == data
