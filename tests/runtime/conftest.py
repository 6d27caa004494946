import pytest
from tiny_model import write_model


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory):
    """A random model with a byte-level vocabulary and the control tokens of `tiny_model.CONTROL`."""
    return write_model(tmp_path_factory.mktemp("models") / "tiny.gguf", template="{{ bos_token }}{{ messages }}")
