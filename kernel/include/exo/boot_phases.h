/* Boot phases: critical (memory, traps, CPU), normal (scheduler, files, init starts), deferred
 * (what the first program does not need). Layer: boot. */
#pragma once

#include <exo/types.h>

/* boot_phase - ends the running phase (its time is logged) and begins @name; NULL only ends. */
void boot_phase(const char *name);
/* boot_report_userspace - logs "boot: userspace at N.N ms": kernel entry to the first user
 * instruction. */
void boot_report_userspace(void);
/* recovery_shell - the diagnostic shell of `recovery` on the command line, on the console, in the
 * kernel. Returns when left. */
void recovery_shell(void);
