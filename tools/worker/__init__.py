"""The process that runs tools: confined by the kernel, bounded in time and memory, replaced when it dies."""
