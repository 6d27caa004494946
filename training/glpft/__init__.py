"""GLPFT of any Hugging Face causal model with transformers, accelerate and peft (Shen et al., arXiv 2401.07324)."""
