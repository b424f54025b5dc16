/* Formatted text for the log and for /proc. Layer: base. Sources: printf(3); the extension %pS is
 * ours. */
#include <exo/string.h>

struct out {
	char *buf;
	size_t size, len; /* len counts what the whole text needs */
};
static const char flag_chars[] = "-0+ #";
enum { LEFT = 1, ZERO = 2, PLUS = 4, SPACE = 8, ALT = 16 };
struct spec {
	u32 flags; /* bit n: flag_chars[n] */
	bool upper;
	int width, precision; /* precision -1 = none */
	u8 length;            /* bytes of the argument: 1 2 4 8 */
};

/* The debug room resolves addresses; without it %pS prints the number. */
WEAK size_t symbol_format(u64 addr, char *buf, size_t size);

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_padded(struct out *o, const char *s, size_t len, const struct spec *sp)
{
	int pad = sp->width - (int)len;

	for (; !(sp->flags & LEFT) && pad > 0; pad--)
		put(o, ' ');
	for (size_t i = 0; i < len; i++)
		put(o, s[i]);
	for (; sp->flags & LEFT && pad > 0; pad--)
		put(o, ' ');
}

static void put_number(
	struct out *o, u64 value, bool negative, unsigned base, const struct spec *sp)
{
	const char *digits = sp->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[96], prefix[4];
	size_t n = sizeof(text), np = 0;
	size_t digits_min = sp->precision >= 0 ? (size_t)MIN(sp->precision, 64) : 1;

	if (negative)
		prefix[np++] = '-';
	else if (sp->flags & PLUS)
		prefix[np++] = '+';
	else if (sp->flags & SPACE)
		prefix[np++] = ' ';
	if (sp->flags & ALT && base == 16 && value) {
		prefix[np++] = '0';
		prefix[np++] = sp->upper ? 'X' : 'x';
	}
	for (; value; value /= base)
		text[--n] = digits[value % base];
	if (sp->flags & ALT && base == 8)
		digits_min = MAX(digits_min, sizeof(text) - n + 1);
	if ((sp->flags & (ZERO | LEFT)) == ZERO && sp->precision < 0 && sp->width > (int)np)
		digits_min = MAX(digits_min, (size_t)MIN(sp->width, 64) - np);
	while (sizeof(text) - n < digits_min)
		text[--n] = '0';
	while (np)
		text[--n] = prefix[--np];
	put_padded(o, text + n, sizeof(text) - n, sp);
}

/* Digits, none are 0, or '*' for an argument. */
static const char *parse_number(const char *f, int *n, va_list *ap)
{
	*n = *f == '*' ? va_arg(*ap, int) : 0;
	if (*f == '*')
		return f + 1;
	for (; *f >= '0' && *f <= '9'; f++)
		*n = *n * 10 + (*f - '0');
	return f;
}

static const char *parse_spec(const char *f, struct spec *sp, va_list *ap)
{
	const char *flag;

	*sp = (struct spec){.precision = -1, .length = 4};
	for (; *f && (flag = strchr(flag_chars, *f)); f++)
		sp->flags |= 1u << (flag - flag_chars);
	f = parse_number(f, &sp->width, ap);
	if (sp->width < 0) {
		sp->flags |= LEFT;
		sp->width = -sp->width;
	}
	if (*f == '.')
		f = parse_number(f + 1, &sp->precision, ap);
	for (;; f++) {
		if (*f == 'l' || *f == 'z' || *f == 'j' || *f == 't')
			sp->length = 8;
		else if (*f == 'h')
			sp->length = sp->length == 2 ? 1 : 2;
		else
			return f;
	}
}

static u64 arg_unsigned(const struct spec *sp, va_list *ap)
{
	if (sp->length == 8)
		return va_arg(*ap, u64);
	u64 v = va_arg(*ap, u32);

	return sp->length == 4 ? v : v & ((1ULL << sp->length * 8) - 1);
}

static s64 arg_signed(const struct spec *sp, va_list *ap)
{
	if (sp->length == 8)
		return va_arg(*ap, s64);
	s32 v = va_arg(*ap, s32);

	return sp->length == 4 ? v : sp->length == 2 ? (s16)v : (s8)v;
}

static void put_pointer(struct out *o, u64 addr, bool symbol, const struct spec *sp)
{
	struct spec hex = *sp;
	char name[96];

	if (symbol && symbol_format) {
		size_t n = symbol_format(addr, name, sizeof(name));

		put_padded(o, name, MIN(n, sizeof(name) - 1), sp);
		return;
	}
	hex.flags |= ALT;
	put_number(o, addr, false, 16, &hex);
}

static void put_string(struct out *o, const char *s, const struct spec *sp)
{
	if (!s)
		s = "(null)";
	put_padded(o, s, sp->precision >= 0 ? strnlen(s, (size_t)sp->precision) : strlen(s), sp);
}

static const char *put_conversion(struct out *o, const char *f, struct spec *sp, va_list *ap)
{
	char c = *f;
	s64 v;

	if (c == 'd' || c == 'i') {
		v = arg_signed(sp, ap);
		put_number(o, v < 0 ? -(u64)v : (u64)v, v < 0, 10, sp);
	} else if (c == 'u' || c == 'o' || c == 'x' || c == 'X') {
		sp->upper = c == 'X';
		put_number(o, arg_unsigned(sp, ap), false, c == 'u' ? 10 : c == 'o' ? 8 : 16, sp);
	} else if (c == 'p') {
		put_pointer(o, (u64)va_arg(*ap, void *), f[1] == 'S', sp);
		return f[1] == 'S' ? f + 2 : f + 1;
	} else if (c == 's') {
		put_string(o, va_arg(*ap, const char *), sp);
	} else if (c == 'c') {
		c = (char)va_arg(*ap, int);
		put_padded(o, &c, 1, sp);
	} else {
		put(o, '%');
		return c == '%' ? f + 1 : f; /* else our own mistake: show it */
	}
	return f + 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = {buf, size, 0};
	struct spec sp;
	va_list ap;

	va_copy(ap, args);
	while (*fmt) {
		if (*fmt != '%')
			put(&o, *fmt++);
		else
			fmt = put_conversion(&o, parse_spec(fmt + 1, &sp, &ap), &sp, &ap);
	}
	va_end(ap);
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
