"""A batch whose photographs lie behind URLs: what any cluster calls, and nothing of a cluster.

`parts.write_plan` lists a place and writes the plan, a part a block, giving the name of each part
once it is there. `block.colorize_block` works through one part, wherever it is called, and writes
what became of it. Neither knows who calls it, and both may be called again after anything.
"""
