/* hello - a greeting, and the first thing about capabilities: a descriptor is one, and can be
 * narrowed. Tutorial: docs/tutorials/hello.md */
#include <exo_std/io.h>
#include <exo_std/security.h>

int main(void)
{
	exo_cap_t out = exo_narrow(STDOUT_FILENO, EXO_WRITE, EXO_FOREVER);
	char byte;

	if (out < 0) { /* on Linux: -ENOSYS */
		exo_print(STDOUT_FILENO, "hello from a kernel without capabilities\n");
		return 0;
	}
	exo_print(out, "hello from Exo-OS\n");
	exo_print(out, "standard output has rights %#llx, this copy has %#llx\n",
		(unsigned long long)exo_rights(STDOUT_FILENO), (unsigned long long)exo_rights(out));
	exo_print(out, "reading through it: %s\n", exo_error_name(exo_read(out, &byte, 1)));
	return 0;
}
