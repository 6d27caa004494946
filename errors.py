"""What can go wrong, sorted by who can mend it.

UmiError                      one sentence for the user; `exit_status` is what `umi` ends with
├── UsageError            2   the request, an option or a file of settings is wrong
│   └── ConfigError       2   a configuration file has an unknown key or a wrong value
├── ToolSpecError         2   a tool cannot be offered: its schema cannot be enforced, its name is taken ...
├── ModelFileError        5   a model file is missing, damaged or not what it should be
│   └── TrioError         2   a trio does not bind each role exactly once
├── HubError              5   the hub cannot be reached, or does not give what was asked for
├── EngineError           5   the engine process died or refused; the next turn starts a fresh one
├── ContextFullError      4   the conversation does not fit the model's context
├── SandboxError          5   a tool cannot be confined, so it does not run
└── StorageError          5   the data folder is read-only, full or of a newer version

A model's mistakes are no exceptions: they become observations. A user's stop or refusal is control flow.
"""


class UmiError(Exception):
    """A failure with one clear sentence for the user and what to do next."""

    exit_status = 5


class UsageError(UmiError):
    exit_status = 2


class ConfigError(UsageError):
    pass


class ToolSpecError(UmiError):
    exit_status = 2


class ModelFileError(UmiError):
    pass


class TrioError(ModelFileError):
    exit_status = 2


class HubError(UmiError):
    pass


class EngineError(UmiError):
    pass


class ContextFullError(UmiError):
    exit_status = 4


class SandboxError(UmiError):
    pass


class StorageError(UmiError):
    pass
