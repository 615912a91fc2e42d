"""vLLM's own throughput benchmark, without server and client: `python engine_alone.py ARGUMENTS...`.

It runs in the environment that holds vLLM and needs nothing of ours; the arguments are those of
`vllm bench throughput`.
"""

from vllm.benchmarks.throughput import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser

if __name__ == "__main__":
    parser = FlexibleArgumentParser()
    add_cli_args(parser)
    main(parser.parse_args())
