"""The blocks that flows are made of: one module each, found once when first asked for."""

from pipeline.sdg.blocks.block import Block, RowBlock, WholeLeafBlock, Work
from pipeline.sdg.blocks.registry import all_blocks

__all__ = ["Block", "RowBlock", "WholeLeafBlock", "Work", "all_blocks"]
