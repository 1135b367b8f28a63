"""Write proxies as a sequence a language model can read."""
