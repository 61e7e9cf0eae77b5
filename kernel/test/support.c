/* What the pure folders need from a machine, for tests on the host. */
#include "test/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void panic(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

void lab_todo(unsigned lab, const char *function, const char *where)
{
	fail_msg("lab %u: %s is not written yet; read %s", lab, function, where);
	abort();
}

static void *map_array(struct gmem *mem, u32 gfn)
{
	return (u8 *)mem->owner + (size_t)gfn * PAGE_SIZE;
}

static void *pin_array(struct gmem *mem, unsigned number, u32 gfn)
{
	assert_in_range(number, 0, GMEM_PINS - 1);
	return map_array(mem, gfn);
}

void test_memory(struct gmem *mem, u32 size)
{
	*mem = (struct gmem){
		.size = size,
		.base = hpa(0x10000000),
		.map = map_array,
		.pin = pin_array,
		.watch = calloc(size / PAGE_SIZE, 1),
		.owner = calloc(1, size),
	};
}

void test_memory_free(struct gmem *mem)
{
	free(mem->watch);
	free(mem->owner);
}
