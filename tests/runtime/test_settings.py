from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.errors import ConfigError
from alpha_umi.runtime.settings import Settings, keys

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture
def load(tmp_path, monkeypatch):
    def load(text=None, **variables):
        file = tmp_path / "settings.toml"
        if text is not None:
            file.write_text(text, encoding="utf-8")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Settings.load(file)

    return load


def test_without_a_file_all_defaults_hold(load):
    settings = load()
    assert settings == Settings()
    assert (settings.trio, settings.approve, settings.limits.steps, settings.engine.n_gpu_layers) == (
        "nano",
        "ask",
        8,
        "auto",
    )


def test_the_file_sets_and_the_environment_wins(load):
    settings = load(
        'trio = "big"\n[limits]\nsteps = 3\nseconds = 4.5\n[engine]\nn_gpu_layers = "off"',
        UMI_LIMITS__STEPS="5",
        UMI_ENGINE__N_GPU_LAYERS="20",
        UMI_WORKSPACE="/work",
    )
    assert (settings.trio, settings.limits.steps, settings.limits.seconds) == ("big", 5, 4.5)
    assert (settings.engine.n_gpu_layers, settings.workspace) == (20, Path("/work"))


def test_the_environment_is_read_by_load_only(monkeypatch):
    monkeypatch.setenv("UMI_TRIO", "other")
    assert Settings().trio == "nano"


@pytest.mark.parametrize(
    ("text", "variables", "sentence"),
    [
        ("trioo = 1", {}, r"unknown key trioo in .*settings\.toml; did you mean trio\?"),
        ("[limits]\nstepz = 1", {}, r"unknown key limits\.stepz in .*; did you mean limits\.steps"),
        ("[xyz]\nq = 1", {}, r"unknown key xyz in .*; docs/configuration\.md lists all keys"),
        ("[limits]\nsteps = -1", {}, r"limits\.steps in .*settings\.toml is -1, .*greater than or equal to 0"),
        ("limits = 3", {}, r"limits in .* is 3, .*table of settings"),
        ("approve = 'maybe'", {}, r"approve in .* is 'maybe', .*'ask', 'all' or 'none'"),
        ("[engine]\nn_gpu_layers = 'many'", {}, r"engine\.n_gpu_layers in .* is 'many', .*'auto' or 'off'"),
        ("[limits]\nseconds = inf", {}, r"limits\.seconds in .* is inf, .*finite"),
        ("a = = 1", {}, r"settings\.toml is not valid TOML: .*line 1, column 5"),
        (None, {"UMI_LIMITS__STEPS": "x"}, r"limits\.steps in the environment variable UMI_LIMITS__STEPS is 'x'"),
        (None, {"UMI_LIMITS__STEPZ": "3"}, r"unknown key limits\.stepz in the environment variable UMI_LIMITS__STEPZ"),
        (None, {"UMI_TRIOO": "x"}, r"there is no setting UMI_TRIOO .*; did you mean UMI_TRIO\?"),
        (None, {"UMI_LIMITS": "{"}, r"environment variable is not JSON"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(load, text, variables, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        load(text, **variables)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_variables_of_other_programs_are_left_alone(load):
    assert load(UMI_HOME="/h", UMI_DEBUG="1", UMIAMI="x", UMI_COMPLETELY_DIFFERENT="y") == Settings()


def test_a_file_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_bytes(b"trio = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8"):
        Settings.load(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        Settings.load(tmp_path)


@hypothesis.settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_file_loads_or_is_a_config_error(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(data)
    try:
        Settings.load(file)
    except ConfigError as error:
        assert str(file) in str(error)


def test_the_documentation_lists_every_key_with_its_default():
    rows = [f"| `{key.name}` | `{key.variable}` | `{key.default}` | {key.meaning} |" for key in keys()]
    table = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert table == rows
