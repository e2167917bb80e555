"""distilabel's Math-Shepherd completer on the stub server of `rollout.py`.

    pip install 'distilabel[openai]' requests      # in a virtual environment of its own
    python benchmarks/rollout.py --distilabel VENV/bin/python

The task's `process` is called as distilabel's pipeline does, without the pipeline's own processes
and queues around it, and on all solutions at once. Prints one line of JSON.
"""

import json
import resource
import sys
import time
from typing import Any

from distilabel.models import OpenAILLM
from distilabel.steps.tasks import MathShepherdCompleter


def solutions(n: int, n_steps: int) -> list[dict[str, Any]]:
    """Rows as the task takes them: steps, and the answer as a line of its own."""
    steps = [f"Step {i + 1}: Adding gives {i + 2} apples in all." for i in range(n_steps)]
    answer = "The answer is: 42"
    return [
        {
            "instruction": f"Problem {i}: " + "how " * 40,
            "solutions": [[*steps, answer]],
            "golden_solution": [*steps, answer],
        }
        for i in range(n)
    ]


def cpu_s() -> float:
    """Processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Label and print."""
    url, n, n_steps, n_draws, batch = sys.argv[1], *map(int, sys.argv[2:6])
    llm = OpenAILLM(
        model="stub",
        base_url=url,
        api_key="none",
        generation_kwargs={"max_new_tokens": 2048, "temperature": 0.7, "top_p": 0.8},
    )
    task = MathShepherdCompleter(llm=llm, N=n_draws, input_batch_size=batch)
    task.load()
    next(task.process(solutions(2, n_steps)))  # connections and imports
    rows = solutions(n, n_steps)
    wall, cpu = time.perf_counter(), cpu_s()
    labelled = next(task.process(rows))
    taken = {"wall_s": time.perf_counter() - wall, "cpu_s": cpu_s() - cpu}
    steps = [step for row in labelled for steps in row["solutions"] for step in steps]
    n_labelled = sum(step.endswith((" +", " -")) for step in steps)
    n_positive = sum(step.endswith(" +") for step in steps)
    print(json.dumps(taken | {"n_steps": n_labelled, "n_positive": n_positive}))


if __name__ == "__main__":
    main()
