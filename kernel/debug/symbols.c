/* Function names by address, from the table that scripts/kernel-symbols appends to the image.
 * Layer: debug. The table is sorted and constant, so a look-up needs no lock and works in any
 * context. */
#include <exo/debug.h>
#include <exo/string.h>

struct symbol {
	u32 addr; /* from text_start */
	u32 name_offset;
};
extern const u64 exo_symbol_count;
extern const struct symbol exo_symbol_table[];
extern const char exo_symbol_names[];
extern char text_start[], text_end[];

const char *symbol_lookup(u64 addr, u64 *offset, u64 *size)
{
	u64 low = 0, high = exo_symbol_count; /* table[low].addr <= addr < table[high].addr */

	if (addr < (u64)text_start || addr >= (u64)text_end || !high)
		return NULL;
	addr -= (u64)text_start;
	while (high - low > 1) {
		u64 middle = low + (high - low) / 2;

		if (exo_symbol_table[middle].addr <= addr)
			low = middle;
		else
			high = middle;
	}
	*offset = addr - exo_symbol_table[low].addr;
	*size = exo_symbol_table[MIN(low + 1, exo_symbol_count - 1)].addr -
		exo_symbol_table[low].addr;
	return exo_symbol_names + exo_symbol_table[low].name_offset;
}

size_t symbol_format(u64 addr, char *buf, size_t size)
{
	u64 offset, whole;
	const char *name = symbol_lookup(addr, &offset, &whole);

	if (!name)
		return (size_t)snprintf(buf, size, "%#lx", addr);
	return (size_t)snprintf(buf, size, "%s+%#lx/%#lx", name, offset, whole);
}
