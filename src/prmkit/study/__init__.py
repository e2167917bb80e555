"""Studies: the same question asked of many settings, with trained PRMs as the answer."""
