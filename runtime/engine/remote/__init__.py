"""An engine whose models run on servers that speak OpenAI's protocol."""
