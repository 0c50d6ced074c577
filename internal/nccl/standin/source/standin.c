// A stand-in for NCCL, which really reduces; see ranks.h. It is strict about arguments, contexts and states, so that what NCCL
// refuses, or what makes it fail or hang, is an error. -DNCCL_VERSION_CODE is the version that it pretends to be.
#include "ranks.h"

int ncclGetVersion(int *version) { *version = NCCL_VERSION_CODE; return SUCCESS; }

const char *ncclGetErrorString(int code) {
	static const char *texts[] = {"no error", "cuda error", "system error", "internal error", "invalid argument", "invalid usage", "remote error"};
	return code >= 0 && code <= REMOTE_ERROR ? texts[code] : "unknown";
}

#if NCCL_VERSION_CODE >= 21300
const char *ncclGetLastError(communicator *c) { return c ? "want NULL" : message; }
#endif

// The id is the name of the file, and a pattern that shows whether all of it arrives.
int ncclGetUniqueId(unique_id *id) {
	int code = injected("ncclGetUniqueId");
	if (code) return code;
	for (int i = 0; i < 128; i++) id->internal[i] = i;
	snprintf(id->internal, 100, "%s/nccl-XXXXXX", folder);
	int f = mkstemp(id->internal);
	if (f < 0 || ftruncate(f, sizeof(shared))) return SYSTEM_ERROR;
	close(f);
	return SUCCESS;
}

static int opened(communicator **to, int size, unique_id id, int rank) {
	if (current < 0) return fail(CUDA_ERROR, "the thread has no context");
	for (int i = 100; i < 128; i++)
		if (id.internal[i] != i) return fail(INVALID_ARGUMENT, "the id is damaged");
	if (size < 1 || size > RANKS || rank < 0 || rank >= size) return fail(INVALID_ARGUMENT, "no such rank");
	int f = open(id.internal, O_RDWR);
	if (f < 0) return fail(SYSTEM_ERROR, "no such id");
	communicator *c = calloc(1, sizeof *c);
	c->s = mmap(0, sizeof *c->s, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	close(f);
	c->rank = rank;
	c->size = size;
	c->device = current;
	c->state = IN_PROGRESS;
	if (atomic_exchange(&c->s->joined[rank], 1)) return fail(INVALID_USAGE, "the rank exists");
	*to = c;
	return SUCCESS;
}

// gathered waits until all ranks have set a flag.
static void *gathered(communicator *c, atomic_int *flags) {
	for (int r = 0; r < c->size; r++)
		while (!flags[r] && !c->aborted) usleep(PAUSE);
	if (!c->aborted) c->state = SUCCESS;
	c->users--;
	return 0;
}
static void *join(void *c) { return gathered(c, ((communicator *)c)->s->joined); }
#if NCCL_VERSION_CODE >= 21400
static void *leave(void *c) { return gathered(c, ((communicator *)c)->s->left); }
#endif

static int background(communicator *c, void *(*f)(void *)) {
	c->users++;
	if (c->blocking) {
		f(c);
		return SUCCESS;
	}
	c->state = IN_PROGRESS;
	pthread_t thread;
	pthread_create(&thread, 0, f, c);
	return IN_PROGRESS;
}

int ncclCommInitRank(communicator **to, int size, unique_id id, int rank) {
	int code = injected("ncclCommInitRank");
	if (code || (code = opened(to, size, id, rank))) return code;
	(*to)->blocking = 1;
	return background(*to, join);
}

#if NCCL_VERSION_CODE >= 21400
int ncclCommInitRankConfig(communicator **to, int size, unique_id id, int rank, configuration *config) {
	int code = injected("ncclCommInitRankConfig");
	if (code) return code;
	if (config->size != sizeof *config || config->magic != 0xcafebeef) return fail(INVALID_ARGUMENT, "no ncclConfig_t");
	if (config->version != 21400 || config->blocking != 0) return fail(INVALID_ARGUMENT, "another configuration");
	if ((code = opened(to, size, id, rank))) return code;
	(*to)->blocking = blocking;
	return background(*to, join);
}

int ncclCommFinalize(communicator *c) {
	int code = injected("ncclCommFinalize");
	if (code) return code;
	if (current != c->device) return fail(CUDA_ERROR, "another context");
	if (c->state || c->finalized++) return fail(INVALID_ARGUMENT, "not ready to be finalized");
	c->s->left[c->rank] = 1;
	return background(c, leave);
}
#endif

int ncclCommGetAsyncError(communicator *c, int *state) {
	if (c->held && ++c->polls == 3) { // operations get into their stream some time after the call
		task *all = c->held;
		c->held = 0;
		c->state = SUCCESS; // before an operation sets it
		post(all);
	}
	*state = c->state;
	return SUCCESS;
}

static int release(communicator *c) {
	if (current != c->device) return fail(CUDA_ERROR, "another context");
	if (c->aborted && elsewhere) return SUCCESS; // its tasks, which do nothing, are run later
	while (c->users) usleep(PAUSE); // threads and streams
	munmap(c->s, sizeof *c->s);
	memset(c, 0xee, sizeof *c); // later uses fail
	return SUCCESS;
}

int ncclCommAbort(communicator *c) {
	int code = injected("ncclCommAbort");
	if (code) return code;
	while (stuck_abort) usleep(PAUSE);
	aborts++;
	c->aborted = 1;
	for (task *t = c->held; t; t = t->next) c->users--;
	return release(c);
}

int ncclCommDestroy(communicator *c) {
	int code = injected("ncclCommDestroy");
	if (code) return code;
	if (c->state || (NCCL_VERSION_CODE >= 21400 && !c->finalized)) return fail(INVALID_USAGE, "destroyed before its end");
	return release(c);
}

int ncclGroupStart(void) {
	int code = injected("ncclGroupStart");
	if (code) return code;
	if (depth++ == 0) group_end = &group;
	return SUCCESS;
}

// exchange makes one task of a group of sends and receives, which NCCL does at the same time.
static task *exchange(task *messages) {
	int others = 0, all = 0;
	for (task *m = messages; m; m = m->next, all++) others += m->h.operation < SEND;
	if (others == all) return messages;
	if (others) abort(); // the stand-in can't do both
	task *t = calloc(1, sizeof *t);
	t->h.operation = EXCHANGE, t->h.type = messages->h.type;
	t->c = messages->c, t->stream = messages->stream, t->messages = messages;
	t->c->users -= all - 1;
	return t;
}

int ncclGroupEnd(void) {
	if (depth == 0) return fail(INVALID_USAGE, "no group");
	int code = injected("ncclGroupEnd");
	if (--depth > 0 || !group) return code;
	groups++;
	task *all = group;
	communicator *c = all->c;
	group = 0;
	for (task *t = all; t && code; t = t->next) c->users--;
	if (code) return code;
	all = exchange(all);
	c->polls = 0;
	if (c->blocking) return post(all), SUCCESS;
	c->held = all;
	return c->state = IN_PROGRESS;
}

// enqueue checks an operation and puts it into the group of the thread, or one of its own.
static int enqueue(const char *name, int operation, const void *send, void *receive, size_t n, int type, int root, communicator *c, stream *s) {
	int code = injected(name);
	if (code) return code;
	if (current != c->device) return fail(CUDA_ERROR, "another context");
	if (c->state) return fail(INVALID_ARGUMENT, "the communicator is not ready");
	if (!send || !receive || !s || n == 0 || !bytes_of(type) || root < 0 || root >= c->size) return fail(INVALID_ARGUMENT, "an argument is wrong");
	task *t = calloc(1, sizeof *t);
	t->h.operation = operation, t->h.type = type, t->h.root = root, t->h.count = n;
	t->send = send, t->receive = receive, t->c = c, t->stream = s;
	c->users++;
	if (depth++ == 0) group_end = &group;
	*group_end = t;
	group_end = &t->next;
	if (--depth > 0) return SUCCESS;
	depth = 1;
	groups--; // not one of the program
	return ncclGroupEnd();
}

int ncclAllReduce(const void *send, void *receive, size_t n, int type, int op, communicator *c, stream *s) {
	return op ? fail(INVALID_ARGUMENT, "not a sum") : enqueue("ncclAllReduce", ALL_REDUCE, send, receive, n, type, 0, c, s);
}

int ncclReduceScatter(const void *send, void *receive, size_t n, int type, int op, communicator *c, stream *s) {
	return op ? fail(INVALID_ARGUMENT, "not a sum") : enqueue("ncclReduceScatter", REDUCE_SCATTER, send, receive, n, type, 0, c, s);
}

int ncclAllGather(const void *send, void *receive, size_t n, int type, communicator *c, stream *s) {
	return enqueue("ncclAllGather", ALL_GATHER, send, receive, n, type, 0, c, s);
}

int ncclBroadcast(const void *send, void *receive, size_t n, int type, int root, communicator *c, stream *s) {
	return enqueue("ncclBroadcast", BROADCAST, send, receive, n, type, root, c, s);
}

int ncclSend(const void *send, size_t n, int type, int peer, communicator *c, stream *s) {
	return enqueue("ncclSend", SEND, send, (void *)send, n, type, peer, c, s);
}

int ncclRecv(void *receive, size_t n, int type, int peer, communicator *c, stream *s) {
	return enqueue("ncclRecv", RECEIVE, receive, receive, n, type, peer, c, s);
}
