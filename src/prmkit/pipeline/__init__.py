"""The main job: stages in order, over a run folder that can be killed and resumed."""
