"""From a trio's description to what runs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..convert.trio import Trio
from ..errors import ConfigError
from .engine.api import Engine
from .history import ROLES, Role
from .roles import Sampling
from .settings import EngineSettings, RoleServer

if TYPE_CHECKING:
    from .dialects import Dialect
    from .engine.llama import LlamaEngine, RoleModel
    from .engine.remote.engine import RemoteEngine
    from .engine.remote.servers import Server


def sampling(trio: Trio) -> dict[Role, Sampling]:
    """How each role of the trio writes."""
    return {
        role: Sampling(trio.roles[role].max_tokens, trio.roles[role].temperature, trio.roles[role].seed)
        for role in ROLES
    }


def dialects(trio: Trio, settings: EngineSettings) -> dict[Role, Dialect]:
    """How each role's prompts are written: as the trio's own models read them, or as the settings say for servers."""
    from .dialects import load_dialect

    own = dict.fromkeys(settings.of("llama"), trio.dialect)
    served = dict.fromkeys(settings.of("server"), settings.server.dialect)
    return {role: load_dialect(name) for role, name in (own | served).items()}


def open_engine(trio: Trio, settings: EngineSettings, cache: Path | None = None) -> Engine:
    """What runs the trio's roles: llama.cpp, which loads in a process of its own while this returns, servers, or both.

    cache: folder for what llama.cpp had better keep for the next start.
    """
    if not settings.of("server"):
        return open_llama(trio, settings, cache)
    if not settings.of("llama"):
        return open_remote(settings)
    from .engine.mixed import MixedEngine

    remote, local = open_remote(settings), open_llama(trio, settings, cache)
    return MixedEngine(
        dict.fromkeys(settings.of("server"), remote) | dict.fromkeys(settings.of("llama"), local),
    )


def open_llama(trio: Trio, settings: EngineSettings, cache: Path | None = None) -> LlamaEngine:
    """llama.cpp on the trio's files, for the roles that it runs; `cache` as in `open_engine`."""
    from .engine import llama

    threads = None if settings.threads == "auto" else settings.threads
    engine = llama.EngineSettings(settings.n_gpu_layers, threads, cache, settings.cache * 2**20)
    return llama.LlamaEngine(role_models(trio, settings), engine)


def open_remote(settings: EngineSettings) -> RemoteEngine:
    """The servers of the settings, for the roles that they run; raises ConfigError for what they could not be asked."""
    from .dialects import load_dialect
    from .engine.remote.engine import RemoteEngine

    chat = load_dialect(settings.server.dialect).form.chat_template
    servers = {role: _server(role, settings, chat) for role in settings.of("server")}
    return RemoteEngine(servers, settings.server.patience)


def _server(role: Role, settings: EngineSettings, chat: bool) -> Server:
    from .engine.remote.servers import TAKES_GRAMMARS, Server

    shared = settings.server
    own = shared.roles.get(role, RoleServer())
    key = own.key or shared.key
    server = Server(
        url=own.url or shared.url,
        model=own.model or shared.model or "",
        api=own.api or shared.api,
        constraint=own.constraint or shared.constraint,
        key=key.get_secret_value() if key else "",
        chat=chat,
        context=None if settings.context == "auto" else settings.context,
    )
    if server.constraint == "grammar" and server.api not in TAKES_GRAMMARS:
        raise ConfigError(
            f"engine.server.constraint is grammar, which {server.api} does not take; "
            f"use schema, or set engine.server.api to {' or '.join(TAKES_GRAMMARS)}"
        )
    if not chat and server.constraint == "schema":
        raise ConfigError(
            f"the dialect {shared.dialect} writes no JSON; set engine.server.constraint to grammar, "
            "or engine.server.dialect to chat"
        )
    return server


def role_models(trio: Trio, settings: EngineSettings) -> dict[Role, RoleModel]:
    """The file of each role that llama.cpp runs, with the context that the settings or the trio give it."""
    from .engine.llama import RoleModel

    models = {}
    for role in settings.of("llama"):
        binding = trio.roles[role]
        context = binding.context if settings.context == "auto" else settings.context
        models[role] = RoleModel(binding.model, binding.adapter, context)
    return models
