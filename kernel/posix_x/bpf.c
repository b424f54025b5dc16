/* Classic BPF: programs that programs hand in to decide on small records. Layer: posix_x.
 *
 * A program is checked once and then trusted: every jump goes forward and stays inside, every load
 * is inside the record, every cell is written before it is read on every path, the last instruction
 * returns. So a run ends after as many steps as it has instructions.
 *
 * Source: "The BSD Packet Filter" (McCanne, Jacobson 1993), section 3; seccomp(2) for what a filter
 * of calls may contain. */
#include <exo/memory.h>
#include "seccomp_internal.h"

/* operations[class][source]: bit n is set when class | source * BPF_X | n << 4 is a code. Classes:
 * loads to A and to X, stores of A and of X, arithmetic, jumps, returns, moves between A and X. */
static const u16 operations[8][2] = {
	{0x145}, {0x141}, {1}, {1}, {0x5ff, 0x4ff}, {0x1f, 0x1e}, {3}, {0x101}};

/* @left: instructions behind this one. */
static bool insn_valid(const struct bpf_insn *i, u32 left)
{
	static const struct bpf_insn limits[] = {
		{.code = BPF_LD_ABS, .k = sizeof(struct linux_seccomp_data)},
		{.code = BPF_LD_MEM, .k = BPF_CELLS}, {.code = BPF_LDX_MEM, .k = BPF_CELLS},
		{.code = BPF_ST, .k = BPF_CELLS}, {.code = BPF_STX, .k = BPF_CELLS},
		{.code = BPF_LSH, .k = 32}, {.code = BPF_RSH, .k = 32}};
	const u16 *known = operations[i->code & BPF_CLASS];

	if (i->code > 0xff || !(known[!!(i->code & BPF_X)] >> (i->code >> 4) & 1))
		return false;
	for (u32 n = 0; n < ARRAY_LEN(limits); n++)
		if (i->code == limits[n].code && i->k >= limits[n].k)
			return false;
	if (i->code == BPF_JA)
		return i->k < left;
	if ((i->code & BPF_CLASS) == BPF_JMP)
		return i->jt < left && i->jf < left;
	return i->code == BPF_LD_ABS ? i->k % sizeof(u32) == 0 : i->code != BPF_DIV || i->k;
}

int bpf_check(const struct bpf_insn *p, u32 len)
{
	/* Cells that jumps to an instruction leave written: bit i = cell i; all where none goes. */
	u16 *reach SCOPED(kfree_at) = kmalloc(len * sizeof(*reach), ALLOC_KERNEL);
	u16 written = 0, cell;

	if (!reach)
		return -ENOMEM;
	memset(reach, 0xff, len * sizeof(*reach));
	for (u32 i = 0; i < len; i++) {
		if (!insn_valid(&p[i], len - i - 1))
			return -EINVAL;
		written &= reach[i];
		cell = (u16)BIT(p[i].k % BPF_CELLS);
		if ((p[i].code == BPF_LD_MEM || p[i].code == BPF_LDX_MEM) && !(written & cell))
			return -EINVAL;
		if (p[i].code == BPF_ST || p[i].code == BPF_STX)
			written |= cell;
		if ((p[i].code & BPF_CLASS) == BPF_JMP) {
			reach[i + 1 + (p[i].code == BPF_JA ? p[i].k : p[i].jt)] &= written;
			reach[i + 1 + (p[i].code == BPF_JA ? p[i].k : p[i].jf)] &= written;
			written = 0xffff;
		}
	}
	return (p[len - 1].code & BPF_CLASS) == BPF_RET_K ? 0 : -EINVAL;
}

static u32 load(const struct bpf_insn *p, const struct linux_seccomp_data *data, const u32 *cell)
{
	switch (p->code & BPF_OP) {
	case BPF_LD_ABS:
		return ((const u32 *)data)[p->k / sizeof(u32)];
	case BPF_LD_MEM:
		return cell[p->k];
	case BPF_LD_LEN:
		return sizeof(*data);
	default:
		return p->k;
	}
}

/* By 0: 0. */
static u32 calculate(u32 operation, u32 a, u32 b)
{
	const u32 results[] = {a + b, a - b, a * b, b ? a / b : 0, a | b, a & b, a << (b & 31),
		a >> (b & 31), -a, 0, a ^ b};

	return results[operation];
}

u32 bpf_run(const struct bpf_insn *p, const struct linux_seccomp_data *data)
{
	u32 a = 0, x = 0, cell[BPF_CELLS] = {0};

	for (;; p++) {
		u32 operation = p->code >> 4, b = p->code & BPF_X ? x : p->k;
		const bool met[] = {true, a == b, a > b, a >= b, a & b};

		switch (p->code & BPF_CLASS) {
		case BPF_LD_IMM:
			a = load(p, data, cell);
			break;
		case BPF_LDX_IMM:
			x = load(p, data, cell);
			break;
		case BPF_ST:
			cell[p->k] = a;
			break;
		case BPF_STX:
			cell[p->k] = x;
			break;
		case BPF_ALU:
			if (p->code == (BPF_DIV | BPF_X) && !x)
				return 0;
			a = calculate(operation, a, b);
			break;
		case BPF_JMP:
			p += p->code == BPF_JA ? p->k : met[operation] ? p->jt : p->jf;
			break;
		case BPF_RET_K:
			return p->code == BPF_RET_A ? a : p->k;
		default:
			a = p->code == BPF_TXA ? x : a;
			x = p->code == BPF_TAX ? a : x;
		}
	}
}
