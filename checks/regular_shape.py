"""Whether a YAML text is surely laid out regularly, told from its tree alone.

Most files are, and asking every token of them what is irregular about it costs more than all else about style.
"Surely" is meant: what is unusual in any way is left to the slow look, regular or not.
"""

from __future__ import annotations

from checks.yaml_tree import ListNode, MapNode, Node, Scalar, YamlDocument

_UNUSUAL_STARTS = frozenset("&!*{[?")  # anchors, tags, aliases, lists and mappings in brackets, explicit keys
_UNUSUAL_SIGNS = ("\r", "\t", "\x85", "\u2028", "\u2029", "\ufeff", "\n...", "\n%")


def is_surely_regular(text: str, document: YamlDocument) -> bool:
    """True only where indentation, colons, dashes and brackets leave nothing to say.

    That is: block style throughout, one step of indentation, lists indented all or none, one space behind
    colons and dashes and none before colons, each value on the line of its key or on the next step.
    """
    root = document.root
    if not isinstance(root, MapNode) or root.mark.column != 1 or text.startswith("%"):
        return False
    if document.aliases or document.tags or any(sign in text for sign in _UNUSUAL_SIGNS):
        return False
    return _Look(text).is_regular_map(root, 1)


class _Look:
    """One look at a text; the first step of indentation that is met is the one for all."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.step = 0
        self.lists_are_indented: bool | None = None

    def is_regular_map(self, node: MapNode, column: int) -> bool:
        """Whether all keys stand in this column, with regular values."""
        if self.text[node.mark.index] in _UNUSUAL_STARTS:
            return False
        for key, value in node.entries:
            if not isinstance(key, Scalar) or key.mark.column != column or key.mark.line != key.end.line:
                return False
            if self._is_unusual(key) or self.text[key.end.index : key.end.index + 1] != ":":
                return False
            if value.mark.line != key.mark.line:
                if not self._is_regular_below(value, column):
                    return False
            elif not (isinstance(value, Scalar) and self._stands_right_behind(key, value)):
                return False
        return True

    def _stands_right_behind(self, key: Scalar, value: Scalar) -> bool:
        is_one_space_away = value.mark.index == key.end.index + 2 and self.text[key.end.index + 1] == " "
        return is_one_space_away and not self._is_unusual(value)

    def _is_regular_below(self, value: Node, column: int) -> bool:
        """Whether a value stands one step further in than its key in `column`, a list perhaps right below it."""
        step = value.mark.column - column
        if isinstance(value, ListNode):
            if self.lists_are_indented is None:
                self.lists_are_indented = step != 0
            if self.lists_are_indented != (step != 0):
                return False
            return (step == 0 or self._is_the_step(step)) and self._is_regular_list(value, value.mark.column)
        if not self._is_the_step(step):
            return False
        if isinstance(value, Scalar):
            return not self._is_unusual(value)
        return self.is_regular_map(value, value.mark.column)

    def _is_the_step(self, step: int) -> bool:
        self.step = self.step or step
        return step > 0 and step == self.step

    def _is_regular_list(self, node: ListNode, column: int) -> bool:
        if self.text[node.mark.index] != "-":
            return False
        for item in node.items:
            index = item.mark.index
            if item.mark.column != column + 2 or self.text[index - 2 : index] != "- ":
                return False
            if isinstance(item, ListNode):
                return False
            if isinstance(item, Scalar):
                if self._is_unusual(item):
                    return False
            elif not self.is_regular_map(item, column + 2):
                return False
        return True

    def _is_unusual(self, scalar: Scalar) -> bool:
        return not scalar.text or self.text[scalar.mark.index] in _UNUSUAL_STARTS
