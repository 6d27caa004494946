"""Global-to-local training of a trio: requests, trajectories, samples, stages."""
