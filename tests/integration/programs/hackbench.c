/* hackbench GROUPS PAIRS LOOPS: in each group every one of PAIRS senders sends LOOPS messages of
 * 100 bytes to every one of PAIRS receivers over socket pairs. Ends with 0 when every message came.
 * Source: the load of rt-tests' hackbench. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES 100

static void transfer(int fd, int send, long messages)
{
	char data[BYTES] = {0};

	for (long i = 0; i < messages; i++)
		for (ssize_t done = 0, n; done < BYTES; done += n) {
			n = send ? write(fd, data + done, (size_t)(BYTES - done))
				 : read(fd, data + done, (size_t)(BYTES - done));
			if (n <= 0)
				_exit(1);
		}
}

int main(int argc, char **argv)
{
	int groups = argc > 3 ? atoi(argv[1]) : 2, pairs = argc > 3 ? atoi(argv[2]) : 5,
	    loops = argc > 3 ? atoi(argv[3]) : 100;
	int failed = 0, status;

	for (int g = 0; g < groups; g++) {
		int ends[64][2];

		for (int r = 0; r < pairs; r++)
			if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends[r]) < 0)
				return 2;
		for (int r = 0; r < pairs; r++)
			if (fork() == 0) {
				transfer(ends[r][0], 0, (long)pairs * loops);
				_exit(0);
			}
		for (int s = 0; s < pairs; s++)
			if (fork() == 0) {
				for (int i = 0; i < loops; i++)
					for (int r = 0; r < pairs; r++)
						transfer(ends[r][1], 1, 1);
				_exit(0);
			}
		for (int r = 0; r < pairs; r++) {
			close(ends[r][0]);
			close(ends[r][1]);
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	printf("%ld messages\n", (long)groups * pairs * pairs * loops);
	return failed ? 1 : 0;
}
