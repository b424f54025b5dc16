/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hostile_place.c - structures where they are not expected: at odd addresses, at the very end of
 * memory, one byte beyond it, in memory that cannot be written, on top of each other.
 *
 * Each row of t_hostile_rows.h is made in each of these places. No place may change the result, but
 * that which lacks a byte; no byte beside the structure may change, and none of one that is only
 * read.
 */
#include "t_hostile_rows.h"

T_SUITE(hostile_place);

struct world w;

static int expected(const struct row *r, int special)
{
	return special == SAME ? r->want : special;
}

static void check_row(const struct row *r, const char *where, long at, int want)
{
	char what[100];
	long got;

	snprintf(what, sizeof(what), "%s %s", r->what, where);
	h_contents();
	h_refill();
	h_place(r, at);
	got = h_call(r, at);
	if (want == SAME) /* a number that is not the same everywhere */
		t_check_at(__FILE__, __LINE__, what, got >= 0);
	else
		t_eq_at(__FILE__, __LINE__, what, got, want);
	h_beside(r, what, at);
	long changed = 0;
	for (int i = 0; r->kind == IN && i < r->size && at + i < EDGE; i++)
		changed += *(char *)(at + i) != (r->content ? ((const char *)r->content)[i] : 0);
	t_eq_at(__FILE__, __LINE__, what, changed, 0);
}

T_CASE_LIMIT(aligned, 60)
{
	h_prepare();
	for (int i = 0; i < ROWS; i++)
		check_row(&rows[i], "aligned", AREA + 1024, rows[i].want);
	h_done();
}

T_CASE_LIMIT(at_odd_addresses, 60)
{
	h_prepare();
	for (int i = 0; i < ROWS; i++) {
		check_row(&rows[i], "at 1", AREA + 1025, expected(&rows[i], rows[i].odd));
		check_row(&rows[i], "at 7", AREA + 1031, expected(&rows[i], rows[i].odd));
	}
	h_done();
}

T_CASE_LIMIT(across_pages, 60)
{
	h_prepare();
	for (int i = 0; i < ROWS; i++) {
		int back = rows[i].flags & AT_EVEN ? 2048 : rows[i].size / 2;

		check_row(&rows[i], "across", AREA + 4096 - back, rows[i].want);
	}
	h_done();
}

T_CASE_LIMIT(at_the_end_of_memory, 60)
{
	h_prepare();
	for (int i = 0; i < ROWS; i++)
		check_row(&rows[i], "at the end", EDGE - rows[i].size, rows[i].want);
	h_done();
}

T_CASE_LIMIT(one_byte_lacks, 60)
{
	h_prepare();
	for (int i = 0; i < ROWS; i++)
		if (!(rows[i].flags & (AT_EVEN | NO_CUT)))
			check_row(&rows[i], "one byte lacks", EDGE - rows[i].size + 1,
				expected(&rows[i], rows[i].cut));
	h_done();
}

/* The kernel writes to nothing that it is only given to read. */
T_CASE_LIMIT(read_only, 60)
{
	h_prepare();
	for (int i = 0; i < ROWS; i++) {
		if (rows[i].kind != IN)
			continue;
		h_contents();
		h_refill();
		h_place(&rows[i], AREA + 1024);
		t_ret(mprotect(AT(AREA), AREA_BYTES, PROT_READ), 0);
		t_eq_at(__FILE__, __LINE__, rows[i].what, h_call(&rows[i], AREA + 1024),
			rows[i].want);
		t_ret(mprotect(AT(AREA), AREA_BYTES, PROT_READ | PROT_WRITE), 0);
	}
	h_done();
}
