"""OpenAI's protocol, as servers of ours speak it: requests read strictly, answers in the documented shapes."""
