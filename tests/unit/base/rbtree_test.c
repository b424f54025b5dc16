/* Red-black trees against a plain array, and formatted text against the C library.
 */
#include <stdlib.h>
#include <u_.h>
#include <exo/cmdline.h>
#include <exo/rbtree.h>

#define ITEMS 300
static struct item {
	struct rb_node node;
	int key;
	bool in;
} items[ITEMS];

static bool item_less(const struct rb_node *a, const struct rb_node *b)
{
	return container_of(a, struct item, node)->key < container_of(b, struct item, node)->key;
}

/* Black height; -1 when a rule is broken. */
static int check_node(struct rb_node *n)
{
	int l, r;

	if (!n)
		return 1;
	if (n->red && ((n->left && n->left->red) || (n->right && n->right->red)))
		return -1;
	if ((n->left && n->left->parent != n) || (n->right && n->right->parent != n))
		return -1;
	l = check_node(n->left);
	r = check_node(n->right);
	return l < 0 || l != r ? -1 : l + !n->red;
}

static struct rb_node *last_not_above(struct rb_tree *t, int key)
{
	struct rb_node *found = NULL;

	for (struct rb_node *n = rb_first(t); n && container_of(n, struct item, node)->key <= key; n = rb_next(n))
		found = n;
	return found;
}

U_TEST(random_insert_and_erase)
{
	struct rb_tree t = { 0 };
	int count = 0;

	srand(1);
	for (int i = 0; i < ITEMS; i++)
		items[i] = (struct item){ .key = rand() % 100 };
	for (int step = 0; step < 20000; step++) {
		struct item *i = &items[rand() % ITEMS];
		int seen = 0, last = -1;

		if (i->in)
			rb_erase(&t, &i->node);
		else if (step % 2)
			rb_insert(&t, &i->node, item_less);
		else
			rb_insert_after(&t, last_not_above(&t, i->key), &i->node);
		count += i->in ? -1 : 1;
		i->in = !i->in;
		if (step % 50)
			continue;
		u_check(check_node(t.root) > 0);
		for (struct rb_node *n = rb_first(&t); n; n = rb_next(n), seen++) {
			u_check(container_of(n, struct item, node)->key >= last);
			last = container_of(n, struct item, node)->key;
			u_check(!rb_next(n) || rb_prev(rb_next(n)) == n);
		}
		u_eq(seen, count);
	}
}

int kbase_snprintf(char *buf, size_t size, const char *fmt, ...);
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[200], theirs[200];                                                       \
		u_eq(kbase_snprintf(ours, sizeof(ours), __VA_ARGS__), snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
		u_str_eq(ours, theirs);                                                            \
	} while (0)

U_TEST(formatted_text_is_as_the_c_library_has_it)
{
	SAME("%d %5d|%-5d|%05d|%+d|% d", 1, -22, 33, -44, 5, 6);
	SAME("%x %#x %08lx %lX %o %#o", 255, 255, 0xdeadbeefUL, 0xabcUL, 8, 8);
	SAME("%s|%10s|%-10s|%.2s|%.*s", "a", "bc", "de", "xyz", 2, "abc");
	SAME("%c%% %u %lu %zu %p", 'x', ~0u, ~0UL, (size_t)7, (void *)0x1234);
	SAME("%.3d %8.3d %*d %-*d|", 7, 7, 6, 42, 6, 42);
	SAME("%hhd %hd %hhu %ld", -1, -2, 200, -0x7fffffffffffffffL - 1);
	SAME("%06x|%#08x|%-6x|%#x", 10, 10, 10, 0);
}

U_TEST(cmdline_words)
{
	bool after;

	cmdline_parse("console=ttyS0  quiet a=1 a=2 q=\"x y\" \x01junk -- single=1 two");
	u_str_eq(cmdline_value("console"), "ttyS0");
	u_str_eq(cmdline_value("quiet"), "");
	u_str_eq(cmdline_value("a"), "2");
	u_str_eq(cmdline_nth("a", 0), "1");
	u_str_eq(cmdline_value("q"), "x y");
	u_check(!cmdline_has("single") && !cmdline_has("con"));
	u_eq(cmdline_u64("a", 9), 2);
	u_eq(cmdline_u64("console", 9), 9);
	u_str_eq(cmdline_word(0, &after), "console=ttyS0");
	u_check(!after);
	u_str_eq(cmdline_word(7, &after), "two");
	u_check(after);
	u_check(!cmdline_word(8, &after));
}
