"""Where models come from: checkpoints, GGUF files, checks and trios."""
