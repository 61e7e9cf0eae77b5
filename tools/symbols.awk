# From `nm -n` of the linked monitor to the table that kernel/hw/panic.c reads: a count, a pair of
# offsets for each function (of the function from the image's start, of its name from the table's
# start), the names.

BEGIN { for (i = 0; i < 16; i++) digit[substr("0123456789abcdef", i + 1, 1)] = i }

function hex(text,    value, i) {
	for (i = 1; i <= length(text); i++)
		value = value * 16 + digit[substr(text, i, 1)]
	return value
}

$3 == "image_start" { start = hex($1) }
$2 ~ /^[tT]$/ && $3 !~ /^(image_start|text_end|boot_entry|\.L)/ { at[n] = hex($1); name[n++] = $3 }

END {
	print ".section .symbols, \"a\""
	print ".long " n + 0
	next_name = 4 + 8 * n
	for (i = 0; i < n; i++) {
		printf ".long %d, %d\n", at[i] - start, next_name
		next_name += length(name[i]) + 1
	}
	for (i = 0; i < n; i++)
		print ".asciz \"" name[i] "\""
}
