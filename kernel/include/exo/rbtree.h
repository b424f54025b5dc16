/* Red-black trees, intrusive. Code in kernel/base/rbtree.c. The caller's lock guards the tree. */
#pragma once

#include <exo/types.h>

struct rb_node {
	struct rb_node *parent;
	union {
		struct {
			struct rb_node *left, *right;
		};
		struct rb_node *child[2]; /* the same: [0] left, [1] right */
	};
	bool red;
};
struct rb_tree { /* zeroed: empty */
	struct rb_node *root;
	struct rb_node *leftmost; /* cached minimum */
};

typedef bool (*rb_less_fn)(const struct rb_node *a, const struct rb_node *b);

/* rb_insert - O(log n); equal keys go to the right of those already there. @n is owned by the tree
 * until rb_erase. */
void rb_insert(struct rb_tree *t, struct rb_node *n, rb_less_fn less);
/* rb_insert_after - @n right behind @pos in the order, without comparing; NULL = before all. The
 * caller knows that it belongs there. */
void rb_insert_after(struct rb_tree *t, struct rb_node *pos, struct rb_node *n);
void rb_erase(struct rb_tree *t, struct rb_node *n);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);
struct rb_node *rb_last(const struct rb_tree *t);
static inline struct rb_node *rb_first(const struct rb_tree *t)
{
	return t->leftmost;
}
