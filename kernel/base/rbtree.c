/* Red-black trees. Layer: base. Source: Cormen et al., Introduction to Algorithms, chapter 13.
 * Leaves are NULL and count as black; the deletion fix-up carries the parent along, so no sentinel
 * node is needed. */
#include <exo/rbtree.h>

static void replace_child(
	struct rb_tree *t, struct rb_node *parent, struct rb_node *old, struct rb_node *new)
{
	if (!parent)
		t->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new)
		new->parent = parent;
}

static void rotate_left(struct rb_tree *t, struct rb_node *x)
{
	struct rb_node *y = x->right;

	x->right = y->left;
	if (y->left)
		y->left->parent = x;
	replace_child(t, x->parent, x, y);
	y->left = x;
	x->parent = y;
}

static void rotate_right(struct rb_tree *t, struct rb_node *x)
{
	struct rb_node *y = x->left;

	x->left = y->right;
	if (y->right)
		y->right->parent = x;
	replace_child(t, x->parent, x, y);
	y->right = x;
	x->parent = y;
}

static void insert_fixup(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *p, *g, *uncle;

	while ((p = n->parent) && p->red) {
		g = p->parent; /* a red node has a parent */
		bool left = p == g->left;

		uncle = left ? g->right : g->left;
		if (uncle && uncle->red) {
			p->red = uncle->red = false;
			g->red = true;
			n = g;
			continue;
		}
		if (n == (left ? p->right : p->left)) {
			n = p;
			left ? rotate_left(t, n) : rotate_right(t, n);
			p = n->parent;
		}
		p->red = false;
		g->red = true;
		left ? rotate_right(t, g) : rotate_left(t, g);
	}
	t->root->red = false;
}

void rb_insert(struct rb_tree *t, struct rb_node *n, rb_less_fn less)
{
	struct rb_node *parent = NULL, **link = &t->root;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (less(n, parent)) {
			link = &parent->left;
		} else {
			link = &parent->right;
			leftmost = false;
		}
	}
	n->parent = parent;
	n->left = n->right = NULL;
	n->red = true;
	*link = n;
	if (leftmost)
		t->leftmost = n;
	insert_fixup(t, n);
}

void rb_insert_after(struct rb_tree *t, struct rb_node *pos, struct rb_node *n)
{
	struct rb_node *parent = pos, **link = pos ? &pos->right : &t->root;

	if (!pos) { /* before all */
		parent = t->leftmost;
		link = parent ? &parent->left : &t->root;
		t->leftmost = n;
	} else if (*link) { /* the place is left of all that stands right of pos */
		for (parent = *link; parent->left; parent = parent->left)
			;
		link = &parent->left;
	}
	n->parent = parent;
	n->left = n->right = NULL;
	n->red = true;
	*link = n;
	insert_fixup(t, n);
}

static bool is_black(const struct rb_node *n)
{
	return !n || !n->red;
}

/* x (maybe NULL) stands below parent and lacks one black. */
static void erase_fixup(struct rb_tree *t, struct rb_node *x, struct rb_node *parent)
{
	while (x != t->root && is_black(x)) {
		bool left = x == parent->left;
		struct rb_node *w = left ? parent->right : parent->left;

		if (w->red) {
			w->red = false;
			parent->red = true;
			left ? rotate_left(t, parent) : rotate_right(t, parent);
			w = left ? parent->right : parent->left;
		}
		if (is_black(w->left) && is_black(w->right)) {
			w->red = true;
			x = parent;
			parent = x->parent;
			continue;
		}
		if (is_black(left ? w->right : w->left)) {
			(left ? w->left : w->right)->red = false;
			w->red = true;
			left ? rotate_right(t, w) : rotate_left(t, w);
			w = left ? parent->right : parent->left;
		}
		w->red = parent->red;
		parent->red = false;
		(left ? w->right : w->left)->red = false;
		left ? rotate_left(t, parent) : rotate_right(t, parent);
		x = t->root;
	}
	if (x)
		x->red = false;
}

void rb_erase(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *child, *parent, *y = n;
	bool was_red;

	if (t->leftmost == n)
		t->leftmost = rb_next(n);
	if (n->left && n->right) {
		for (y = n->right; y->left; y = y->left)
			;
	}
	was_red = y->red; /* y leaves its place: n itself, or n's successor which then takes n's */
	child = y->left ? y->left : y->right;
	parent = y->parent;
	replace_child(t, parent, y, child);
	if (y != n) {
		if (parent == n)
			parent = y;
		y->left = n->left;
		y->right = n->right;
		y->red = n->red;
		if (y->left)
			y->left->parent = y;
		if (y->right)
			y->right->parent = y;
		replace_child(t, n->parent, n, y);
	}
	if (!was_red)
		erase_fixup(t, child, parent);
	n->parent = n->left = n->right = NULL;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	if (n->right) {
		for (n = n->right; n->left; n = n->left)
			;
		return (struct rb_node *)(uintptr_t)n;
	}
	while (n->parent && n == n->parent->right)
		n = n->parent;
	return n->parent;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	if (n->left) {
		for (n = n->left; n->right; n = n->right)
			;
		return (struct rb_node *)(uintptr_t)n;
	}
	while (n->parent && n == n->parent->left)
		n = n->parent;
	return n->parent;
}

struct rb_node *rb_last(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->right)
		n = n->right;
	return n;
}
