/* Error numbers: those of the user ABI, and what only the kernel says to itself. */
#pragma once

#ifdef EXO_HOST
#include <errno.h>
#else
#include <exo_abi/linux_errno.h>
#endif

/* Never seen by user space: the signal code turns them into EINTR or a restart.
 * Source: signal(7), "Interruption of system calls and library functions by signal handlers". */
#define ERESTARTSYS           512 /* restart if SA_RESTART, else EINTR */
#define ERESTARTNOINTR        513 /* always restart */
#define ERESTARTNOHAND        514 /* restart only if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* restart by restart_syscall with the saved remainder */
