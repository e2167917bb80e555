"""Models behind OpenAI-compatible servers: vLLM, SGLang, llama.cpp, `transformers serve`, hosted.

`probe` finds out what a server takes and gives, `prompts` writes prompts that continue a prefix
exactly, `dialect` names the sampling parameters, `replies` reads answers, `pool` and `client` move
them, `generator` is the `Generator` over all of it.
"""
