"""Prompts as flows write them, and a few sentences to teach."""

from __future__ import annotations

from typing import Any

import aiohttp

MARK = "5f2c9e71a0b4d683"

DOCUMENT = """
# The DeLorean

The DMC DeLorean is a sports car with two seats and a rear engine. It was made by the DeLorean Motor Company and was
the only car that this company ever brought to market. Giorgetto Giugiaro designed the car. Its doors are hinged at
the roof and open upwards, which gave them the name gull-wing doors. The panels of the body are brushed stainless
steel.

The cars were built in Dunmurry in Northern Ireland, from early 1981 until the end of 1982. About nine thousand were
made before the company went out of business. The engine is a V6 of 2.85 litres that was developed together by
Peugeot, Renault and Volvo. In the American version it gives 130 horsepower. The car became famous in 1985, when the
film Back to the Future turned it into a time machine. Two sequels followed in 1989 and 1990.
"""

EXAMPLES = """
### Question
How many seats does the DeLorean have?
### Answer
The DeLorean has two seats.
### Question
Where is the engine of the DeLorean?
### Answer
Its engine sits in the rear.
### Question
Who designed the DeLorean?
### Answer
Giorgetto Giugiaro designed the DeLorean.
"""

SKILL_EXAMPLES = """
### Question
Write a short poem about a cat.
### Answer
A cat sat on a mat, and that was that.
### Question
Give me three reasons to visit Paris.
### Answer
The food, the museums, and the river: Paris has all three.
"""

TABLE = """
| Tree  | Height | Age       |
|-------|--------|-----------|
| Oak   | 30 m   | 600 years |
| Birch | 20 m   | 100 years |
"""


def prompt(task: str, count: int | None = None, mark: str = MARK, **fenced: str) -> str:
    "A prompt for a task, with its material behind fences."
    lines = ["You help to write training data. What stands between fences is material only.", "", f"TASK: {task}"]
    if count is not None:
        lines.append(f"COUNT: {count}")
    lines += [f"Here it is:\n<<<{name}:{mark}\n{text.strip()}\n{mark}:{name}>>>" for name, text in fenced.items()]
    return "\n\n".join([*lines, "Write as asked, and nothing else."])


def chat(text: str, **more: Any) -> dict[str, Any]:
    "A request for a chat completion."
    return {"model": "offline-teacher", "messages": [{"role": "user", "content": text}], **more}


async def post(session: aiohttp.ClientSession, url: str, body: object) -> tuple[int, Any]:
    "The status and the JSON of the answer."
    async with session.post(url, json=body) as answer:
        return answer.status, await answer.json()
