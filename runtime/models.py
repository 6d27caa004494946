"""From a trio's description to what runs it."""

from __future__ import annotations

from pathlib import Path

from ..convert.trio import Trio
from .engine.api import Engine
from .history import ROLES, Role
from .roles import Sampling
from .settings import EngineSettings


def sampling(trio: Trio) -> dict[Role, Sampling]:
    """How each role of the trio writes."""
    return {
        role: Sampling(trio.roles[role].max_tokens, trio.roles[role].temperature, trio.roles[role].seed)
        for role in ROLES
    }


def open_engine(trio: Trio, settings: EngineSettings, cache: Path | None = None) -> Engine:
    """llama.cpp on the trio's files; it loads in a process of its own while this returns.

    cache: folder for what is worth keeping for the next start.
    """
    from .engine import llama

    models = {}
    for role in ROLES:
        binding = trio.roles[role]
        context = binding.context if settings.context == "auto" else settings.context
        models[role] = llama.RoleModel(binding.model, binding.adapter, context)
    threads = None if settings.threads == "auto" else settings.threads
    engine = llama.EngineSettings(settings.n_gpu_layers, threads, cache, settings.cache * 2**20)
    return llama.LlamaEngine(models, engine)
