// What is behind the functions of the stand-in: ranks, streams, and sums. Ranks are threads or processes that really reduce,
// through a file that all of them map. "GPUs" are numbers, "device memory" is the program's, and streams are threads.
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SUCCESS, CUDA_ERROR, SYSTEM_ERROR, INTERNAL_ERROR, INVALID_ARGUMENT, INVALID_USAGE, REMOTE_ERROR, IN_PROGRESS };
enum { UINT8 = 1, INT32 = 2, FLOAT32 = 7, BFLOAT16 = 9 };
enum { ALL_REDUCE = 1, REDUCE_SCATTER, ALL_GATHER, BROADCAST, SEND, RECEIVE, EXCHANGE /* a group of the two before */ };
enum { RANKS = 8, SLOT = 1 << 16, PAUSE = 50 /* µs */ };

typedef struct { char internal[128]; } unique_id;
typedef struct { uint64_t size; uint32_t magic, version; int32_t blocking; } configuration;

typedef struct { int operation, type, root, none; size_t count; } header; // without padding

// What ranks share.
typedef struct {
	atomic_int joined[RANKS], left[RANKS], ended;
	atomic_int arrived, round, wrong;
	header headers[RANKS];
	size_t sent[RANKS][RANKS]; // bytes, by sender and receiver, of the exchange under way
	char slots[RANKS][SLOT];
} shared;

typedef struct communicator communicator;

typedef struct task {
	header h;
	const char *send;
	char *receive;
	communicator *c;
	struct stream *stream;
	struct task *next, *messages; // of an exchange: its sends and receives
} task;

typedef struct stream {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	task *first, **end;
	int waiting; // tasks that have not ended
} stream;

struct communicator {
	shared *s;
	int rank, size, device, blocking, finalized, polls;
	atomic_int state, aborted, users;
	task *held; // not yet in their stream
};

static __thread int current = -1, depth;
static __thread task *group, **group_end; // operations since ncclGroupStart
static atomic_int fail_code, dead_rank = -1, async_rank = -1, stuck_abort, blocking, aborts, groups;
static char fail_name[64], message[256], folder[64] = "/tmp";

// Controls of the tests.
int standin_use(int device) { current = device; return 0; } // may stand for cuCtxSetCurrent
void standin_fail(const char *function, int code) { strncpy(fail_name, function, sizeof fail_name - 1); fail_code = code; }
void standin_die(int rank) { dead_rank = rank; }       // a rank whose operations never begin
void standin_lose(int rank) { async_rank = rank; }     // a rank that notices a lost peer
void standin_block(int always) { blocking = always; }  // what NCCL_COMM_BLOCKING=1 does
void standin_folder(const char *name) { strncpy(folder, name, sizeof folder - 1); }
void standin_stick(int stuck) { stuck_abort = stuck; } // ncclCommAbort hangs
int standin_aborts(void) { return aborts; }
int standin_groups(void) { return groups; }

static int fail(int code, const char *text) { snprintf(message, sizeof message, "%s", text); return code; }

static int injected(const char *function) { return strcmp(function, fail_name) == 0 ? fail(fail_code, "as the test wants") : SUCCESS; }

static int bytes_of(int type) { return type == UINT8 ? 1 : type == BFLOAT16 ? 2 : type == INT32 || type == FLOAT32 ? 4 : 0; }

// meet waits for all ranks; 0 if the communicator is aborted before.
static int meet(communicator *c) {
	int round = c->s->round;
	if (atomic_fetch_add(&c->s->arrived, 1) == c->size - 1) {
		c->s->arrived = 0;
		c->s->round++;
		return 1;
	}
	while (c->s->round == round) {
		if (c->aborted) return 0;
		usleep(PAUSE);
	}
	return 1;
}

static float from_bfloat16(uint16_t v) { uint32_t bits = (uint32_t)v << 16; float f; memcpy(&f, &bits, 4); return f; }
static uint16_t to_bfloat16(float f) { uint32_t bits; memcpy(&bits, &f, 4); return (bits + 0x7fff + (bits >> 16 & 1)) >> 16; }

// sum adds element number `at` of the ranks' slots.
static void sum(communicator *c, int type, size_t at, char *to) {
	int32_t integer = 0; float real = 0;
	for (int r = 0; r < c->size; r++) {
		const char *slot = c->s->slots[r];
		switch (type) {
		case UINT8: integer += ((const uint8_t *)slot)[at]; break;
		case INT32: integer += ((const int32_t *)slot)[at]; break;
		case FLOAT32: real += ((const float *)slot)[at]; break;
		case BFLOAT16: real += from_bfloat16(((const uint16_t *)slot)[at]); break;
		}
	}
	uint16_t half = to_bfloat16(real);
	memcpy(to, type == FLOAT32 ? (void *)&real : type == BFLOAT16 ? (void *)&half : (void *)&integer, bytes_of(type));
}

// An exchange is between all ranks. Each part of a slot is for one of them.
enum { MESSAGE = SLOT / RANKS };

static void give(task *t) {
	communicator *c = t->c;
	memset(c->s->sent[c->rank], 0, sizeof c->s->sent[0]);
	for (task *m = t->messages; m; m = m->next) {
		size_t bytes = m->h.count * bytes_of(m->h.type);
		if (m->h.operation != SEND) continue;
		if (bytes > MESSAGE) abort();
		if (c->s->sent[c->rank][m->h.root]) c->s->wrong = 1; // one message to a rank is enough here
		c->s->sent[c->rank][m->h.root] = bytes;
		memcpy(c->s->slots[c->rank] + m->h.root * MESSAGE, m->send, bytes);
	}
}

static void take(task *t) {
	communicator *c = t->c;
	size_t expected[RANKS] = {0};
	for (task *m = t->messages; m; m = m->next) {
		if (m->h.operation != RECEIVE) continue;
		expected[m->h.root] = m->h.count * bytes_of(m->h.type);
		memcpy(m->receive, c->s->slots[m->h.root] + c->rank * MESSAGE, expected[m->h.root]);
	}
	for (int r = 0; r < c->size; r++)
		if (c->s->sent[r][c->rank] != expected[r]) c->s->wrong = 1; // NCCL would hang
}

static void release_task(task *t) {
	for (task *m = t->messages, *next; m; m = next) next = m->next, free(m);
	free(t);
}

static void compute(task *t) {
	communicator *c = t->c;
	shared *s = c->s;
	if (dead_rank == c->rank) {
		while (!c->aborted) usleep(PAUSE);
		return;
	}
	size_t width = bytes_of(t->h.type), n = t->h.count;
	size_t sent = n * (t->h.operation == REDUCE_SCATTER ? c->size : 1);
	s->headers[c->rank] = t->h;
	if (t->h.operation == EXCHANGE) {
		give(t);
	} else {
		if (sent * width > SLOT) abort();
		memcpy(s->slots[c->rank], t->send, sent * width);
	}
	if (async_rank == c->rank) {
		fail(REMOTE_ERROR, "the connection to a peer is lost");
		c->state = REMOTE_ERROR;
	}
	if (async_rank >= 0) {
		while (!c->aborted) usleep(PAUSE);
		return;
	}
	if (!meet(c)) return;
	for (int r = 0; r < c->size; r++)
		if (memcmp(&s->headers[r], &t->h, sizeof t->h)) s->wrong = 1;
	for (size_t i = 0; i < n && t->h.operation == ALL_REDUCE; i++) sum(c, t->h.type, i, t->receive + i * width);
	for (size_t i = 0; i < n && t->h.operation == REDUCE_SCATTER; i++) sum(c, t->h.type, c->rank * n + i, t->receive + i * width);
	for (int r = 0; r < c->size && t->h.operation == ALL_GATHER; r++) memcpy(t->receive + r * n * width, s->slots[r], n * width);
	if (t->h.operation == BROADCAST) memcpy(t->receive, s->slots[t->h.root], n * width);
	if (t->h.operation == EXCHANGE) take(t);
	if (!meet(c)) return;
	if (s->wrong) {
		fail(INVALID_USAGE, "the ranks' operations differ");
		c->state = INVALID_USAGE;
	}
}

static void *serve(void *argument) {
	stream *s = argument;
	pthread_mutex_lock(&s->mutex);
	for (;;) {
		while (!s->first) pthread_cond_wait(&s->changed, &s->mutex);
		task *t = s->first;
		pthread_mutex_unlock(&s->mutex);
		compute(t);
		pthread_mutex_lock(&s->mutex);
		if (!(s->first = t->next)) s->end = &s->first;
		s->waiting--;
		t->c->users--;
		release_task(t);
	}
	return 0;
}

stream *standin_stream(void) {
	stream *s = calloc(1, sizeof *s);
	pthread_mutex_init(&s->mutex, 0);
	pthread_cond_init(&s->changed, 0);
	s->end = &s->first;
	pthread_t thread;
	pthread_create(&thread, 0, serve, s);
	return s;
}

int standin_idle(stream *s) {
	pthread_mutex_lock(&s->mutex);
	int idle = s->waiting == 0;
	pthread_mutex_unlock(&s->mutex);
	return idle;
}

// Streams of another library: it gets what would be posted, and calls standin_run when the stream comes to it.
static void (*elsewhere)(int device, stream *s, task *t);
void standin_queue(void (*queue)(int device, stream *s, task *t)) { elsewhere = queue; }
void standin_run(task *t) {
	compute(t);
	t->c->users--;
	release_task(t);
}

// post puts tasks into their streams.
static void post(task *t) {
	for (task *next; t; t = next) {
		next = t->next;
		t->next = 0;
		stream *s = t->stream;
		if (elsewhere) {
			elsewhere(current, s, t);
			continue;
		}
		pthread_mutex_lock(&s->mutex);
		*s->end = t;
		s->end = &t->next;
		s->waiting++;
		pthread_cond_signal(&s->changed);
		pthread_mutex_unlock(&s->mutex);
	}
}
