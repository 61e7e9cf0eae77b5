"""Random kernel-mode programs, run bare and in the cave: what they see must be the same."""
