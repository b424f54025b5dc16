/* What the parts of kernel/drivers tell each other. Layer: drivers. */
#pragma once

#include <exo/types.h>

void serial_early_init(void);         /* char/serial.c: consoles that the command line names */
void mem_init(void);                  /* char/mem.c: null zero full random urandom kmsg mem */
void kmsg_init(void);                 /* char/kmsg.c */
void console_init(void);              /* char/console.c: /dev/tty /dev/console /dev/tty0 */
void screen_init(void);               /* video/screen.c: the terminal of the screen, in memory */
void screen_attach(void);             /* video/screen.c: finds the screen and shows it */
void keyboard_init(void);             /* input/i8042.c */
bool screen_application_cursor(void); /* video/screen.c: what the cursor keys send */
