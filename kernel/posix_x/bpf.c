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

static const u8 codes[] = {BPF_LD_IMM, BPF_LD_ABS, BPF_LD_MEM, BPF_LD_LEN, BPF_LDX_IMM, BPF_LDX_MEM,
	BPF_LDX_LEN, BPF_ST, BPF_STX, BPF_ADD, BPF_ADD | BPF_X, BPF_SUB, BPF_SUB | BPF_X, BPF_MUL,
	BPF_MUL | BPF_X, BPF_DIV, BPF_DIV | BPF_X, BPF_OR, BPF_OR | BPF_X, BPF_AND, BPF_AND | BPF_X,
	BPF_LSH, BPF_LSH | BPF_X, BPF_RSH, BPF_RSH | BPF_X, BPF_NEG, BPF_XOR, BPF_XOR | BPF_X,
	BPF_JA, BPF_JEQ, BPF_JEQ | BPF_X, BPF_JGT, BPF_JGT | BPF_X, BPF_JGE, BPF_JGE | BPF_X,
	BPF_JSET, BPF_JSET | BPF_X, BPF_RET_K, BPF_RET_A, BPF_TAX, BPF_TXA};

/* @left: instructions behind this one. */
static bool insn_valid(const struct bpf_insn *i, u32 left)
{
	if (i->code > 0xff || !memchr(codes, i->code, sizeof(codes)))
		return false;
	switch (i->code) {
	case BPF_LD_ABS:
		return i->k % sizeof(u32) == 0 && i->k < sizeof(struct linux_seccomp_data);
	case BPF_LD_MEM:
	case BPF_LDX_MEM:
	case BPF_ST:
	case BPF_STX:
		return i->k < BPF_CELLS;
	case BPF_DIV:
		return i->k != 0;
	case BPF_LSH:
	case BPF_RSH:
		return i->k < 32;
	case BPF_JA:
		return i->k < left;
	default:
		return (i->code & BPF_CLASS) != BPF_JMP || (i->jt < left && i->jf < left);
	}
}

/* Cells that are written on every path to an instruction: bit i = cell i. @reach: what jumps bring
 * there; all bits where none does. False: one is read that may not be written. */
static bool cells_valid(const struct bpf_insn *p, u32 len, u16 *reach)
{
	u16 written = 0;

	memset(reach, 0xff, len * sizeof(*reach));
	for (u32 i = 0; i < len; i++) {
		written &= reach[i];
		switch (p[i].code & BPF_CLASS) {
		case BPF_ST:
		case BPF_STX:
			written |= (u16)BIT(p[i].k);
			break;
		case BPF_JMP:
			reach[i + 1 + (p[i].code == BPF_JA ? p[i].k : p[i].jt)] &= written;
			reach[i + 1 + (p[i].code == BPF_JA ? p[i].k : p[i].jf)] &= written;
			written = 0xffff;
			break;
		default:
			if ((p[i].code == BPF_LD_MEM || p[i].code == BPF_LDX_MEM) &&
				!(written & BIT(p[i].k)))
				return false;
		}
	}
	return true;
}

int bpf_check(const struct bpf_insn *p, u32 len)
{
	u16 *reach;
	bool valid;

	for (u32 i = 0; i < len; i++)
		if (!insn_valid(&p[i], len - i - 1))
			return -EINVAL;
	if (p[len - 1].code != BPF_RET_K && p[len - 1].code != BPF_RET_A)
		return -EINVAL;
	reach = kmalloc(len * sizeof(*reach), ALLOC_KERNEL);
	if (!reach)
		return -ENOMEM;
	valid = cells_valid(p, len, reach);
	kfree(reach);
	return valid ? 0 : -EINVAL;
}

/* @b is not 0 in a division. */
static u32 calculate(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_OR:
		return a | b;
	case BPF_AND:
		return a & b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	case BPF_XOR:
		return a ^ b;
	default:
		return -a; /* BPF_NEG */
	}
}

static bool compare(u16 op, u32 a, u32 b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default:
		return a & b; /* BPF_JSET */
	}
}

u32 bpf_run(const struct bpf_insn *p, const struct linux_seccomp_data *data)
{
	u32 a = 0, x = 0, cell[BPF_CELLS] = {0};

	for (;; p++) {
		u32 operand = p->code & BPF_X ? x : p->k;

		switch (p->code) {
		case BPF_RET_K:
			return p->k;
		case BPF_RET_A:
			return a;
		case BPF_LD_ABS:
			a = ((const u32 *)data)[p->k / sizeof(u32)];
			break;
		case BPF_LD_IMM:
			a = p->k;
			break;
		case BPF_LDX_IMM:
			x = p->k;
			break;
		case BPF_LD_LEN:
			a = sizeof(*data);
			break;
		case BPF_LDX_LEN:
			x = sizeof(*data);
			break;
		case BPF_LD_MEM:
			a = cell[p->k];
			break;
		case BPF_LDX_MEM:
			x = cell[p->k];
			break;
		case BPF_ST:
			cell[p->k] = a;
			break;
		case BPF_STX:
			cell[p->k] = x;
			break;
		case BPF_TAX:
			x = a;
			break;
		case BPF_TXA:
			a = x;
			break;
		case BPF_JA:
			p += p->k;
			break;
		case BPF_DIV | BPF_X:
			if (!x)
				return 0;
			a /= x;
			break;
		default:
			if ((p->code & BPF_CLASS) == BPF_ALU)
				a = calculate(p->code & ~BPF_X, a, operand);
			else
				p += compare(p->code & ~BPF_X, a, operand) ? p->jt : p->jf;
		}
	}
}
