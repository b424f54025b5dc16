/* Devices: how boot starts them, and the few services that other rooms take from them. Code in
 * kernel/drivers/. Layer: drivers. Tables of ACPI: exo/acpi.h. Terminals: exo/tty.h. */
#pragma once

#include <exo/types.h>

/* Boot calls these in order:
 * drivers_early_init     before memory: the serial port as the log's console when the command line
 * asks for it (boot_info filled). acpi_init              exo/acpi.h; after the direct map exists.
 * drivers_init           after fs_init: terminals, pty, memory devices, the console; the serial
 * port turns interrupt-driven. drivers_init_deferred  after user space started: screen and
 * keyboard. Thread context. */
void drivers_early_init(void);
void drivers_init(void);
void drivers_init_deferred(void);

/* random_bytes - unpredictable bytes from the kernel's generator (ChaCha20 with fast key erasure,
 * one state a CPU, seeded from arch_random_seed). Context: any but NMI. Locks: none held longer
 * than the copy of one block. */
void random_bytes(void *buf, size_t len_bytes);
/* random_add - mixes @buf into the generator's seed; never makes it worse. Context: thread. */
void random_add(const void *buf, size_t len_bytes);
/* random_read_uio - fills @u with random bytes, as /dev/random and getrandom(2): may stop for a
 * signal after 256 bytes. Return: bytes | -EFAULT. Context: thread, may sleep. */
struct uio;
ssize_t random_read_uio(struct uio *u);
/* Sleeping for the log: between log_wait_begin and log_wait_end a thread may sleep until log_head()
 * is no longer @seq (looked at every 100 ms, since the logger itself can wake nobody). 0 |
 * -ERESTARTSYS. Context: thread. */
void log_wait_begin(void);
void log_wait_end(void);
int log_wait(u64 seq) MUST_USE;
/* irq_line_open - ISA interrupt line 0..15 as a file, for a driver in user mode: reads count the
 * interrupts. err_ptr(-EBUSY a driver has it | -EOPNOTSUPP level-triggered | -EINVAL | -ENOMEM). */
struct file;
struct file *irq_line_open(u32 line);
