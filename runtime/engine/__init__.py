"""Engines: llama.cpp in a process of its own, and a scripted one."""
