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

/* @x goes down to the @right or the left, its other child takes its place. */
static void rotate(struct rb_tree *t, struct rb_node *x, bool right)
{
	struct rb_node *y = x->child[!right];

	x->child[!right] = y->child[right];
	if (y->child[right])
		y->child[right]->parent = x;
	replace_child(t, x->parent, x, y);
	y->child[right] = x;
	x->parent = y;
}

/* Hangs @n in at the empty place *@link below @parent. */
static void insert_at(
	struct rb_tree *t, struct rb_node *parent, struct rb_node **link, struct rb_node *n)
{
	struct rb_node *p, *g, *uncle;

	*n = (struct rb_node){.parent = parent, .red = true};
	*link = n;
	while ((p = n->parent) && p->red) {
		g = p->parent; /* a red node has a parent */
		bool right = p == g->right;

		uncle = g->child[!right];
		if (uncle && uncle->red) {
			p->red = uncle->red = false;
			g->red = true;
			n = g;
			continue;
		}
		if (n == p->child[!right]) {
			n = p;
			rotate(t, n, right);
			p = n->parent;
		}
		p->red = false;
		g->red = true;
		rotate(t, g, !right);
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
	if (leftmost)
		t->leftmost = n;
	insert_at(t, parent, link, n);
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
	insert_at(t, parent, link, n);
}

static bool is_black(const struct rb_node *n)
{
	return !n || !n->red;
}

/* x (maybe NULL) stands below parent and lacks one black. */
static void erase_fixup(struct rb_tree *t, struct rb_node *x, struct rb_node *parent)
{
	while (x != t->root && is_black(x)) {
		bool right = x == parent->right;
		struct rb_node *w = parent->child[!right];

		if (w->red) {
			w->red = false;
			parent->red = true;
			rotate(t, parent, right);
			w = parent->child[!right];
		}
		if (is_black(w->left) && is_black(w->right)) {
			w->red = true;
			x = parent;
			parent = x->parent;
			continue;
		}
		if (is_black(w->child[!right])) {
			w->child[right]->red = false;
			w->red = true;
			rotate(t, w, !right);
			w = parent->child[!right];
		}
		w->red = parent->red;
		parent->red = false;
		w->child[!right]->red = false;
		rotate(t, parent, right);
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

static ALWAYS_INLINE struct rb_node *step(const struct rb_node *n, bool right)
{
	if (n->child[right]) {
		for (n = n->child[right]; n->child[!right]; n = n->child[!right])
			;
		return (struct rb_node *)(uintptr_t)n;
	}
	while (n->parent && n == n->parent->child[right])
		n = n->parent;
	return n->parent;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	return step(n, true);
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	return step(n, false);
}

struct rb_node *rb_last(const struct rb_tree *t)
{
	struct rb_node *n = t->root;

	while (n && n->right)
		n = n->right;
	return n;
}
