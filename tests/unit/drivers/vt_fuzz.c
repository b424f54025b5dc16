/* Any bytes to the screen and to the line discipline.
 * needs: kernel/drivers/video/vt.c kernel/drivers/char/tty_ldisc.c
 */
#include <stdlib.h>
#include <string.h>
#include "drivers/char/tty_ldisc.h"
#include "drivers/video/vt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void line(const uint8_t *data, size_t size)
{
	static u8 in[LDISC_IN_BYTES], out[4096];
	static u64 marks[LDISC_IN_BYTES / 64];
	struct linux_termios2 t;
	static struct ldisc ld;
	bool line_end;
	u8 buf[256];

	memset(marks, 0, sizeof(marks));
	ldisc_init(&ld, in, marks, out, sizeof(out));
	if (size < sizeof(t))
		return;
	memcpy(&t, data, sizeof(t));
	ldisc_set_termios(&ld, &t);
	for (size_t at = sizeof(t); at < size; at += 20) {
		size_t n = size - at < 20 ? size - at : 20;

		(void)ldisc_input(&ld, data + at, n);
		(void)ldisc_output(&ld, data + at, n);
		(void)ldisc_read(&ld, buf, data[at], &line_end);
		if (data[at] & 1)
			(void)ring_take(&ld.out, buf, sizeof(buf));
		if (data[at] == 77)
			ldisc_termios_default(&t), ldisc_set_termios(&ld, &t);
	}
	if (ldisc_input_count(&ld) > LDISC_IN_BYTES || ring_used(&ld.out) > sizeof(out))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vt_cell cells[50 * 132];
	static struct vt vt;

	if (size < 2)
		return 0;
	vt_init(&vt, cells, data[0] % 50 + 1, data[1] % 132 + 1);
	vt_write(&vt, data + 2, size - 2);
	if (vt.pen.row >= vt.rows || vt.pen.column >= vt.columns || vt.reply_len > VT_REPLY_MAX)
		abort();
	line(data + 2, size - 2);
	return 0;
}
