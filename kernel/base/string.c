/* Plain C versions of what the compiler may call. On the host the C library's own are used. */
#include "base/string.h"

#if !__STDC_HOSTED__

/* Words first: REP MOVS would count one instruction for each byte under -icount. */
void *memcpy(void *to, const void *from, size_t bytes)
{
	u32 *wide = to;
	const u32 *wide_from = from;
	u8 *narrow;
	const u8 *narrow_from;

	for (; bytes >= 4; bytes -= 4)
		*wide++ = *wide_from++;
	for (narrow = (u8 *)wide, narrow_from = (const u8 *)wide_from; bytes; bytes--)
		*narrow++ = *narrow_from++;
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	u8 *t = to;
	const u8 *f = from;

	if (t < f)
		return memcpy(to, from, bytes);
	while (bytes--)
		t[bytes] = f[bytes];
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	u32 *wide = to;
	u8 *narrow;

	for (; bytes >= 4; bytes -= 4)
		*wide++ = (u8)value * 0x01010101u;
	for (narrow = (u8 *)wide; bytes; bytes--)
		*narrow++ = value;
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const u8 *x = a, *y = b;

	/* Words, as long as they are equal: most comparisons are of a few, and find no difference. */
	for (; bytes >= 4; bytes -= 4, x += 4, y += 4) {
		u32 left, right;

		__builtin_memcpy(&left, x, sizeof left);
		__builtin_memcpy(&right, y, sizeof right);
		if (left != right)
			break;
	}
	for (; bytes; bytes--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t bytes)
{
	for (; bytes && *a && *a == *b; bytes--)
		a++, b++;
	return bytes ? (u8)*a - (u8)*b : 0;
}

#endif
