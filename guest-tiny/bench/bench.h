/* What the guests of `make bench` share (tools/bench.py). */
#pragma once

/* What runs between these two is measured, from outside the machine (mark.S). */
void bench_begin(void);
void bench_end(void);
