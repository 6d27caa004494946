"""Where models go: what they need, what a machine has, and the plan that brings the two together."""
