/* Formatted text. */
#pragma once

#include <stdarg.h>

#include "base/types.h"

/*
 * Formats into `buffer`, always ended by a zero; returns the length, cut to fit. Knows %s %c %d %u
 * %x %% with a width, a leading 0 or -, and the length ll; no floating point.
 */
size_t format_text(char *buffer, size_t size, const char *format, va_list);

PRINTF_LIKE(3, 4) size_t print_to(char *buffer, size_t size, const char *format, ...);
