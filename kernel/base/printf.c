/* Formatted text: the small part of printf that a monitor needs. */
#include "base/printf.h"

#include "base/math64.h"
#include "base/string.h"

struct output {
	char *at, *end;
};

struct spec {
	unsigned width;
	bool zeros, left, wide;
};

static void put(struct output *o, char c)
{
	if (o->at < o->end)
		*o->at++ = c;
}

static void put_padded(struct output *o, const char *text, size_t length, const struct spec *s)
{
	unsigned pad = s->width > length ? s->width - length : 0;

	for (; !s->left && pad; pad--)
		put(o, s->zeros ? '0' : ' ');
	while (length--)
		put(o, *text++);
	for (; pad; pad--)
		put(o, ' ');
}

static void put_number(
	struct output *o, u64 value, unsigned base, bool negative, const struct spec *s)
{
	char digits[24], *d = digits + sizeof digits;

	do {
		u32 rest;

		value = div_rest(value, base, &rest);
		*--d = "0123456789abcdef"[rest];
	} while (value);
	if (negative)
		*--d = '-';
	put_padded(o, d, digits + sizeof digits - d, s);
}

/*
 * Parses what stands between % and the conversion letter, and returns the address of that letter.
 */
static const char *parse_spec(const char *f, struct spec *s)
{
	*s = (struct spec){0};
	for (; *f == '0' || *f == '-'; f++)
		*(*f == '0' ? &s->zeros : &s->left) = true;
	for (; *f >= '0' && *f <= '9'; f++)
		s->width = s->width * 10 + (*f - '0');
	for (; *f == 'l'; f++)
		s->wide = f[1] == 'l' || s->wide;
	return f;
}

size_t format_text(char *buffer, size_t size, const char *f, va_list args)
{
	struct output o = {buffer, buffer + size - 1};

	for (; *f; f++) {
		struct spec s;

		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f = parse_spec(f + 1, &s);
		if (*f == 's') {
			const char *text = va_arg(args, const char *);

			put_padded(&o, text, strlen(text), &s);
		} else if (*f == 'c') {
			put(&o, va_arg(args, int));
		} else if (*f == 'd') {
			s64 v = s.wide ? va_arg(args, s64) : va_arg(args, s32);

			put_number(&o, v < 0 ? -(u64)v : (u64)v, 10, v < 0, &s);
		} else if (*f == 'u' || *f == 'x') {
			u64 v = s.wide ? va_arg(args, u64) : va_arg(args, u32);

			put_number(&o, v, *f == 'x' ? 16 : 10, false, &s);
		} else {
			put(&o, *f);
		}
	}
	*o.at = 0;
	return o.at - buffer;
}

size_t print_to(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	size_t length;

	va_start(args, format);
	length = format_text(buffer, size, format, args);
	va_end(args);
	return length;
}
