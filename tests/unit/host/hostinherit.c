/* host: stand-ins for priority inheritance, for tests of locks without the scheduler. */
#include <exo/sched.h>

u64 thread_urgency(const struct thread *t)
{
	return 0;
}
bool inherit_active(void)
{
	return false;
}
int inherit_begin(struct inherit_wait *w)
{
	return 0;
}
void inherit_end(struct inherit_wait *w)
{
}
void inherit_release(const u64 *word)
{
}
