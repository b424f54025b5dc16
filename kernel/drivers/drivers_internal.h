/* What the parts of kernel/drivers tell each other. Layer: drivers. */
#pragma once

#include <exo/fs.h>

void serial_early_init(void);         /* char/serial.c: consoles that the command line names */
void kmsg_init(void);                 /* char/kmsg.c */
void screen_init(void);               /* video/screen.c: the terminal of the screen, in memory */
void screen_attach(void);             /* video/screen.c: finds the screen and shows it */
void keyboard_init(void);             /* input/i8042.c */
bool screen_application_cursor(void); /* video/screen.c: what the cursor keys send */
u32 screen_keyboard_mode(void);       /* video/screen.c: K_OFF, K_RAW or text */

/* Opening of the nodes that drivers.c makes. */
int mem_open(struct inode *i, struct file *f); /* char/mem.c: null zero full random urandom mem */
int kmsg_open(struct inode *i, struct file *f);
int controlling_open(struct inode *i, struct file *f); /* char/console.c: /dev/tty */
int console_open(struct inode *i, struct file *f);
int screen_open(struct inode *i, struct file *f); /* char/console.c: tty0 tty1 */
