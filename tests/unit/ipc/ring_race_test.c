/* Rings between real threads, watched by the thread sanitizer.
 * mode: tsan
 */
#include "u_.h"
#include "ring_threads.h"

U_TEST_LIMIT(spsc, 60)
{
	stream(FRING_SPSC, 2, 1, 20000, 1);
	stream(FRING_SPSC, 16, 1, 100000, 5);
}
U_TEST_LIMIT(mpsc, 60)
{
	stream(FRING_MPSC, 4, 3, 10000, 1);
	stream(FRING_MPSC, 16, 3, 30000, 4);
}
U_TEST_LIMIT(broadcast_to_three, 60)
{
	broadcast(16, 3, 30000);
}
