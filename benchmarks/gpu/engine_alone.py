"""vLLM's engine without server and client: `python engine_alone.py ORDER RESULT ARGUMENTS...`.

It runs in the environment that holds vLLM and needs nothing of ours. The order is a JSON list of the requests that
a server would get; the result tells how long they took, all given at once, and the tokens of the answers.
"""

import json
import sys
import time
from pathlib import Path

from vllm import LLM, EngineArgs, SamplingParams
from vllm.utils.argparse_utils import FlexibleArgumentParser

_WARM_UP = 8  # requests before the clock runs


def main() -> None:
    order, result, *arguments = sys.argv[1:]
    parser = EngineArgs.add_cli_args(FlexibleArgumentParser())
    model = LLM.from_engine_args(EngineArgs.from_cli_args(parser.parse_args(arguments)))
    requests = json.loads(Path(order).read_text())
    chats = [request["messages"] for request in requests]
    wanted = [
        SamplingParams(temperature=each["temperature"], max_tokens=each["max_tokens"], seed=each["seed"])
        for each in requests
    ]
    model.chat(chats[:_WARM_UP], wanted[:_WARM_UP], use_tqdm=False)
    began = time.perf_counter()
    answers = model.chat(chats[_WARM_UP:], wanted[_WARM_UP:], use_tqdm=False)
    took_s = time.perf_counter() - began
    tokens = sum(len(output.token_ids) for answer in answers for output in answer.outputs)
    Path(result).write_text(json.dumps({"requests": len(answers), "took_s": took_s, "tokens": tokens}))


if __name__ == "__main__":
    main()
