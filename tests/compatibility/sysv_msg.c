/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sysv_msg.c - System V message queues. */
#include "t_sysv.h"

T_SUITE(sysv_msg);

struct message {
	long type;
	char text[9000];
};
static struct message out, in;

static int queue(void)
{
	int id = msgget(IPC_PRIVATE, 0600);

	if (id < 0)
		t_stop("no queue");
	return id;
}

static int put(int id, long type, const char *text, int flags)
{
	out.type = type;
	strcpy(out.text, text);
	return msgsnd(id, &out, strlen(text), flags);
}

/* The text that comes, or "" */
static const char *take(int id, long type, int flags)
{
	ssize_t n = msgrcv(id, &in, sizeof(in.text) - 1, type, flags | IPC_NOWAIT);

	in.text[n < 0 ? 0 : n] = 0;
	return in.text;
}

T_CASE(msg_errors)
{
	int id = queue();

	t_errno(msgget(KEY, 0600), ENOENT);
	t_errno(put(id, 0, "x", 0), EINVAL);
	t_errno(put(id, -5, "x", 0), EINVAL);
	out.type = 1;
	t_errno(msgsnd(id, &out, 8193, 0), msgctl(0, IPC_INFO, (void *)&in) < 0 ? 0 : EINVAL);
	t_errno(msgsnd(id, &out, -1, 0), EINVAL);
	t_errno(msgsnd(-1, &out, 1, 0), EINVAL);
	t_errno(msgsnd(id + 1, &out, 1, 0), EINVAL);
	t_errno(msgsnd(id, (void *)8, 1, 0), EFAULT);
	t_errno(msgrcv(id, &in, 10, 0, IPC_NOWAIT), ENOMSG);
	t_errno(msgrcv(id, &in, -1, 0, IPC_NOWAIT), EINVAL);
	t_errno(msgrcv(-1, &in, 10, 0, IPC_NOWAIT), EINVAL);
	t_errno(msgrcv(id + 1, &in, 10, 0, IPC_NOWAIT), EINVAL);
	t_errno(msgrcv(id, &in, 10, 0, MSG_COPY), EINVAL);
	t_errno(msgrcv(id, &in, 10, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	t_ret(put(id, 1, "x", 0), 0);
	t_errno(msgrcv(id, (void *)8, 10, 0, IPC_NOWAIT), EFAULT);
	t_errno(msgrcv(id, &in, 10, 0, IPC_NOWAIT), ENOMSG); /* it is lost */
	t_errno(msgctl(id, 99, NULL), EINVAL);
	t_errno(msgctl(id, 14, NULL), EINVAL);
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
	t_errno(msgctl(id, IPC_RMID, NULL), EINVAL);
	t_errno(put(id, 1, "x", 0), EINVAL);
}

T_CASE(msg_order)
{
	int id = queue();
	struct msqid_ds ds;

	t_ret(put(id, 3, "three", 0), 0);
	t_ret(put(id, 1, "one", 0), 0);
	t_ret(put(id, 2, "two", 0), 0);
	t_ret(put(id, 1, "", 0), 0);
	t_ret(put(id, 4, "four", 0), 0);
	t_ret(msgctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.msg_qnum, 5);
	t_eq(ds.__msg_cbytes, 15);
	t_eq(ds.msg_lspid, getpid());
	t_eq(ds.msg_lrpid, 0);
	t_check(ds.msg_stime > 0 && ds.msg_rtime == 0);
	t_str(take(id, 9, 0), "");
	t_errno(msgrcv(id, &in, 10, 9, IPC_NOWAIT), ENOMSG);
	t_str(take(id, 2, 0), "two");
	t_eq(in.type, 2);
	t_str(take(id, 3, MSG_EXCEPT), "one");
	t_ret(msgrcv(id, &in, 10, -3, IPC_NOWAIT), 0); /* the lowest first: the empty one */
	t_eq(in.type, 1);
	t_str(take(id, -9, 0), "three");
	t_errno(msgrcv(id, &in, 10, -3, IPC_NOWAIT), ENOMSG);
	t_str(take(id, (long)(1ul << 63), 0), "four");
	t_ret(put(id, 7, "a", 0), 0);
	t_ret(put(id, 6, "b", 0), 0);
	t_str(take(id, 0, 0), "a");
	t_str(take(id, 0, 0), "b");
	t_ret(msgctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.msg_qnum, 0);
	t_eq(ds.__msg_cbytes, 0);
	t_eq(ds.msg_lrpid, getpid());
	t_check(ds.msg_rtime > 0);
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
}

T_CASE(msg_sizes)
{
	int id = queue();

	t_ret(put(id, 1, "0123456789", 0), 0);
	t_errno(msgrcv(id, &in, 9, 0, 0), E2BIG);
	memset(&in, 'x', sizeof(in));
	t_ret(msgrcv(id, &in, 4, 0, MSG_NOERROR), 4);
	t_mem(in.text, "0123x", 5);
	t_errno(msgrcv(id, &in, 10, 0, IPC_NOWAIT), ENOMSG); /* the rest is lost */
	t_ret(put(id, 1, "z", 0), 0);
	t_ret(msgrcv(id, &in, 0, 0, MSG_NOERROR), 0);
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
}

T_CASE(msg_copy)
{
	int id = queue();
	struct msqid_ds ds;

	t_ret(put(id, 5, "first", 0), 0);
	t_ret(put(id, 6, "second", 0), 0);
	t_str(take(id, 1, MSG_COPY), "second");
	t_eq(in.type, 6);
	t_str(take(id, 0, MSG_COPY), "first");
	t_errno(msgrcv(id, &in, 10, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
	t_errno(msgrcv(id, &in, 3, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
	t_ret(msgctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.msg_qnum, 2);
	t_str(take(id, 0, 0), "first");
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
}

T_CASE(msg_full)
{
	int id = queue(), sent = 0, fds[2];
	struct msqid_ds ds;
	pid_t pid;

	out.type = 1;
	t_pipe(fds);
	while (!msgsnd(id, &out, 4096, IPC_NOWAIT))
		sent++;
	t_eq(errno, EAGAIN);
	t_ret(msgctl(id, IPC_STAT, &ds), 0);
	t_eq(ds.msg_qbytes, 16384);
	t_eq(sent, 4);
	T_CHILD(pid)
	{
		out.type = 2;
		t_put(fds[1]);
		t_ret(msgsnd(id, &out, 1000, 0), 0); /* until there is room */
	}
	t_get(fds[0]);
	t_check(t_wait_state(pid, 'S'));
	t_ret(msgrcv(id, &in, 4096, 1, 0), 4096);
	t_exit(pid, 0);
	t_ret(msgrcv(id, &in, 4096, 2, 0), 1000);
	ds.msg_qbytes = 4096 * 3 + 10;
	t_ret(msgctl(id, IPC_SET, &ds), 0);
	t_errno(msgsnd(id, &out, 11, IPC_NOWAIT), EAGAIN);
	t_ret(msgsnd(id, &out, 10, IPC_NOWAIT), 0);
	T_CHILD(pid)
	{
		t_put(fds[1]);
		t_ret(msgsnd(id, &out, 100, 0), 0);
	}
	t_get(fds[0]);
	t_check(t_wait_state(pid, 'S'));
	ds.msg_qbytes = 16384;
	t_ret(msgctl(id, IPC_SET, &ds), 0); /* makes room as well */
	t_exit(pid, 0);
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
}

T_CASE(msg_limit_of_others)
{
	int id = msgget(IPC_PRIVATE, 0666);
	struct msqid_ds ds;
	pid_t pid;

	t_ret(msgctl(id, IPC_STAT, &ds), 0);
	ds.msg_perm.uid = 1234;
	ds.msg_qbytes = 100;
	t_ret(msgctl(id, IPC_SET, &ds), 0);
	T_CHILD(pid)
	{
		t_become(1234, 1234);
		ds.msg_qbytes = 16385;
		t_errno(msgctl(id, IPC_SET, &ds), EPERM);
		ds.msg_qbytes = 16384;
		t_ret(msgctl(id, IPC_SET, &ds), 0);
	}
	t_exit(pid, 0);
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
}

T_CASE(msg_sleeps)
{
	int id = queue();
	pid_t pid[2];

	for (int i = 0; i < 2; i++) {
		T_CHILD(pid[i])
		{
			t_ret(msgrcv(id, &in, 10, i + 1, 0), 3);
			t_check(in.text[0] == 'a' + i);
		}
		t_check(t_wait_state(pid[i], 'S'));
	}
	t_ret(put(id, 2, "b..", 0), 0);
	t_exit(pid[1], 0);
	t_check(t_wait_state(pid[0], 'S'));
	t_ret(put(id, 1, "a..", 0), 0);
	t_exit(pid[0], 0);
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
}

T_CASE(msg_removed_while_asleep)
{
	int id = queue(), full = queue();
	pid_t pid[2];

	out.type = 1;
	while (!msgsnd(full, &out, 8192, IPC_NOWAIT))
		;
	T_CHILD(pid[0])
	{
		t_errno(msgrcv(id, &in, 10, 0, 0), EIDRM);
	}
	T_CHILD(pid[1])
	{
		t_errno(msgsnd(full, &out, 8192, 0), EIDRM);
	}
	t_check(t_wait_state(pid[0], 'S'));
	t_check(t_wait_state(pid[1], 'S'));
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
	t_ret(msgctl(full, IPC_RMID, NULL), 0);
	t_exit(pid[0], 0);
	t_exit(pid[1], 0);
}

static void nothing(int sig)
{
}

T_CASE(msg_interrupted)
{
	int id = queue();
	pid_t pid;

	T_CHILD(pid)
	{
		t_handler(SIGUSR1, nothing, SA_RESTART);
		t_errno(msgrcv(id, &in, 10, 0, 0), EINTR);
		t_ret(msgrcv(id, &in, 10, 0, 0), 1); /* stopped and continued: goes on */
	}
	t_check(t_wait_state(pid, 'S'));
	kill(pid, SIGUSR1);
	t_sleep_ms(20);
	t_check(t_wait_state(pid, 'S'));
	kill(pid, SIGSTOP);
	t_check(t_wait_state(pid, 'T'));
	kill(pid, SIGCONT);
	t_check(t_wait_state(pid, 'S'));
	t_ret(put(id, 1, "x", 0), 0);
	t_exit(pid, 0);
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
}

T_CASE(msg_told)
{
	int id = queue(), top;
	struct msginfo info;
	struct msqid_ds ds;

	t_ret(put(id, 1, "12345", 0), 0);
	top = msgctl(0, MSG_INFO, (void *)&info);
	t_check(top >= index_of(id));
	t_check(info.msgpool >= 1 && info.msgmap >= 1 && info.msgtql >= 5);
	t_ret(msgctl(0, IPC_INFO, (void *)&info), top);
	t_eq(info.msgmnb, 16384);
	t_eq(info.msgmni, 32000);
	t_eq(info.msgssz, 16);
	t_eq(info.msgseg, 0xffff);
	t_ret(msgctl(index_of(id), MSG_STAT, &ds), id);
	t_eq(ds.msg_qnum, 1);
	t_ret(msgctl(index_of(id), MSG_STAT_ANY, &ds), id);
	t_errno(msgctl(0, IPC_INFO, (void *)8), EFAULT);
	t_errno(msgctl(id, IPC_STAT, (void *)8), EFAULT);
	t_check(listed("msg", 0, id));
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
}

/* Producers and consumers: every message arrives once. */
T_CASE_LIMIT(msg_storm, 60)
{
	enum { SIDES = 3, MESSAGES = 400 };
	int id = queue(), answers = queue();
	pid_t pid[2 * SIDES];
	long sum = 0;

	for (int i = 0; i < SIDES; i++) {
		T_CHILD(pid[i])
		{
			for (int k = 0; k < MESSAGES; k++) {
				out.type = i + 1;
				memcpy(out.text, &k, sizeof(k));
				if (msgsnd(id, &out, 1000, 0))
					t_stop("not sent");
			}
		}
		T_CHILD(pid[SIDES + i])
		{
			long total = 0;

			for (int k = 0, got; k < MESSAGES; k++) {
				if (msgrcv(id, &in, sizeof(in.text), i + 1, 0) != 1000)
					t_stop("not received");
				memcpy(&got, in.text, sizeof(got));
				if (got != k)
					t_stop("out of order");
				total += got;
			}
			out.type = 1;
			memcpy(out.text, &total, sizeof(total));
			t_ret(msgsnd(answers, &out, sizeof(total), 0), 0);
		}
	}
	for (int i = 0; i < 2 * SIDES; i++)
		t_exit(pid[i], 0);
	for (int i = 0; i < SIDES; i++) {
		long total;

		t_ret(msgrcv(answers, &in, sizeof(in.text), 0, IPC_NOWAIT), sizeof(total));
		memcpy(&total, in.text, sizeof(total));
		sum += total;
	}
	t_eq(sum, (long)SIDES * MESSAGES * (MESSAGES - 1) / 2);
	t_ret(msgctl(id, IPC_RMID, NULL), 0);
	t_ret(msgctl(answers, IPC_RMID, NULL), 0);
}
