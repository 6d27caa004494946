"""Requests with their world and their right course: what trajectories are made from."""
