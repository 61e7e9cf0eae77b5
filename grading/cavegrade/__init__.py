"""Cave's autograder: runs machines in QEMU, looks at them from outside, and judges what it sees."""
