"""The figures of merit: pure functions on pictures, each with its source.

Pictures are (H, W, 3) uint8 sRGB, and Lab arrays (H, W, 3) float64 as `lab.rgb_to_lab` gives them.
"""
