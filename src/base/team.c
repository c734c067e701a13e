/* team.c: fcs_parallel, the only place that knows threads: POSIX threads of our own, as many as the
 * team is large less the caller, which works too.
 *
 * A job is opened, joined by whoever is awake, and closed by the caller once all blocks are handed
 * out; the caller then waits for those who joined, never for those who did not. So a thread that
 * gets no processor on a busy machine delays nobody but by the block that it holds, and in a child
 * of fork(), which has none of the threads, the caller does all by itself.
 *
 * state holds all that is agreed upon in one word: bit 0 a job is open, bit 1 the team ends, bits 2
 * to 31 how many have joined, bits 32 to 63 the number of the job. Who waits looks at it for a
 * moment, because the next job of a plan follows in microseconds, then sleeps. */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef FCS_THREADS
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#endif

static void alone(int64_t n, int64_t grain, fcs_body *body, void *arg)
{
    for (int64_t i = 0; i < n; i += grain)
        body(arg, i, i + grain < n ? i + grain : n, 0);
}

#ifdef FCS_THREADS

enum {
    OPEN = 1,
    QUIT = 2,
    JOINED = 4,  /* one of them */
    LOOKS = 1000 /* at state before going to sleep: 20 to 50 microseconds */
};

typedef struct worker {
    struct fcs_team *team;
    pthread_t id;
    int number;
} worker;

struct fcs_team {
    int threads, workers; /* wanted, the caller counted; started */
    int looks;
    pid_t process; /* that has the workers */
    worker *worker;
    pthread_mutex_t mutex; /* of going to sleep */
    pthread_cond_t job, done;
    fcs_body *body;
    void *arg;
    int64_t n, grain, blocks;
    atomic_int asleep, caller_asleep;
    _Alignas(64) atomic_uint_least64_t state;
    _Alignas(64) atomic_int_least64_t next; /* block to be handed out */
};

static uint64_t job_number(uint64_t state) { return state >> 32; }

static bool has_joined(uint64_t state) { return (uint32_t)state >= JOINED; }

/* ---- working ---- */

static void work(fcs_team *t, int thread)
{
    int64_t i;
    while ((i = atomic_fetch_add(&t->next, 1)) < t->blocks) {
        int64_t end = (i + 1) * t->grain;
        t->body(t->arg, i * t->grain, end < t->n ? end : t->n, thread);
    }
}

static void look_again(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whether there is a job that is not `last`, or the end. */
static bool is_due(uint64_t state, uint64_t last)
{
    return (state & QUIT) || ((state & OPEN) && job_number(state) != last);
}

static uint64_t wait_for_job(fcs_team *t, uint64_t last)
{
    uint64_t state = atomic_load(&t->state);
    for (int i = 0; i < t->looks && !is_due(state, last); i++) {
        look_again();
        state = atomic_load(&t->state);
    }
    if (is_due(state, last))
        return state;
    pthread_mutex_lock(&t->mutex);
    atomic_fetch_add(&t->asleep, 1); /* before the look: who opens a job looks in that order */
    while (!is_due(state = atomic_load(&t->state), last))
        pthread_cond_wait(&t->job, &t->mutex);
    atomic_fetch_sub(&t->asleep, 1);
    pthread_mutex_unlock(&t->mutex);
    return state;
}

static void leave(fcs_team *t)
{
    uint64_t state = atomic_fetch_sub(&t->state, JOINED) - JOINED;
    if ((state & OPEN) || has_joined(state) || !atomic_load(&t->caller_asleep))
        return;
    pthread_mutex_lock(&t->mutex);
    pthread_cond_signal(&t->done);
    pthread_mutex_unlock(&t->mutex);
}

static void *worker_main(void *arg)
{
    const worker *w = arg;
    fcs_team *t = w->team;
    uint64_t last = 0;
    for (;;) {
        uint64_t state = wait_for_job(t, last);
        if (state & QUIT)
            return NULL;
        if (!atomic_compare_exchange_strong(&t->state, &state, state + JOINED))
            continue;
        last = job_number(state);
        work(t, w->number);
        leave(t);
    }
}

/* ---- the caller ---- */

static void wake(fcs_team *t, int64_t most)
{
    int64_t n = atomic_load(&t->asleep);
    if (!n || getpid() != t->process)
        return;
    pthread_mutex_lock(&t->mutex);
    for (int64_t i = 0; i < n && i < most; i++)
        pthread_cond_signal(&t->job);
    pthread_mutex_unlock(&t->mutex);
}

static void wait_for_workers(fcs_team *t)
{
    for (int i = 0; i < t->looks; i++) {
        if (!has_joined(atomic_load(&t->state)))
            return;
        look_again();
    }
    pthread_mutex_lock(&t->mutex);
    atomic_store(&t->caller_asleep, 1);
    while (has_joined(atomic_load(&t->state)))
        pthread_cond_wait(&t->done, &t->mutex);
    atomic_store(&t->caller_asleep, 0);
    pthread_mutex_unlock(&t->mutex);
}

static void share(fcs_team *t, int64_t blocks, int64_t n, int64_t grain, fcs_body *body, void *arg)
{
    uint64_t number = job_number(atomic_load(&t->state)) + 1;
    t->body = body;
    t->arg = arg;
    t->n = n;
    t->grain = grain;
    t->blocks = blocks;
    atomic_store(&t->next, 0);
    atomic_store(&t->state, number << 32 | OPEN);
    wake(t, blocks - 1);
    work(t, 0);
    if (has_joined(atomic_fetch_sub(&t->state, OPEN)))
        wait_for_workers(t);
}

/* ---- the team ---- */

/* More threads than processors: looking would keep others from working. */
static int looks_of(int threads)
{
#ifdef _SC_NPROCESSORS_ONLN
    return threads > sysconf(_SC_NPROCESSORS_ONLN) ? 0 : LOOKS;
#else
    (void)threads;
    return LOOKS;
#endif
}

/* Processors that this process may use: Linux tells those of taskset and batch systems in
 * /proc/self/status only, as far as POSIX programs can see: "Cpus_allowed:\tff,ffffffff". */
static int processors(void)
{
    static const char key[] = "Cpus_allowed:";
    char line[4096];
    int n = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && !n && fgets(line, sizeof line, f))
        for (const char *s = strncmp(line, key, strlen(key)) ? "" : line + strlen(key); *s; s++) {
            const char digit[2] = {*s, 0};
            for (unsigned long bits = strtoul(digit, NULL, 16); bits; bits &= bits - 1)
                n++;
        }
    if (f)
        fclose(f);
#ifdef _SC_NPROCESSORS_ONLN
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (!n || online < n)
        n = (int)online;
#endif
    return n < 1 ? 1 : n;
}

/* Signals are for the caller's threads. */
static int start(fcs_team *t)
{
    sigset_t all, old;
    int error = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; i < t->threads - 1 && !error; i++) {
        worker *w = &t->worker[i];
        *w = (worker){.team = t, .number = i + 1};
        error = pthread_create(&w->id, NULL, worker_main, w);
        t->workers += !error;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

fcs_team *fcs_team_new(fcs_error *e, int threads)
{
    if (threads < 1)
        threads = processors();
    fcs_team *t = fcs_alloc_aligned(e, sizeof *t);
    if (!t)
        return NULL;
    *t = (fcs_team){.threads = threads, .looks = looks_of(threads), .process = getpid()};
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->job, NULL);
    pthread_cond_init(&t->done, NULL);
    t->worker = fcs_alloc_array(e, (size_t)threads, sizeof *t->worker);
    int error = t->worker ? start(t) : 0;
    if (t->worker && !error)
        return t;
    if (error)
        fcs_fail(e, FCS_FAILED, "cannot start %d threads (%s): ask for fewer (--threads)", threads,
                 strerror(error));
    fcs_team_free(t);
    return NULL;
}

void fcs_team_free(fcs_team *t)
{
    if (!t)
        return;
    if (getpid() == t->process) {
        pthread_mutex_lock(&t->mutex);
        atomic_fetch_or(&t->state, QUIT);
        pthread_cond_broadcast(&t->job);
        pthread_mutex_unlock(&t->mutex);
        for (int i = 0; i < t->workers; i++)
            pthread_join(t->worker[i].id, NULL);
        pthread_mutex_destroy(&t->mutex);
        pthread_cond_destroy(&t->job);
        pthread_cond_destroy(&t->done);
    }
    free(t->worker);
    free(t);
}

int fcs_team_size(const fcs_team *t) { return t->threads; }

void fcs_parallel(fcs_team *t, int64_t n, int64_t grain, fcs_body *body, void *arg)
{
    grain = grain < 1 ? 1 : grain;
    int64_t blocks = (n + grain - 1) / grain;
    if (t->workers && blocks > 1)
        share(t, blocks, n, grain, body, arg);
    else
        alone(n, grain, body, arg);
}

#else /* --disable-threads */

struct fcs_team {
    char unused;
};

fcs_team *fcs_team_new(fcs_error *e, int threads)
{
    (void)threads;
    return fcs_alloc(e, sizeof(fcs_team));
}

void fcs_team_free(fcs_team *t) { free(t); }

int fcs_team_size(const fcs_team *t)
{
    (void)t;
    return 1;
}

void fcs_parallel(fcs_team *t, int64_t n, int64_t grain, fcs_body *body, void *arg)
{
    (void)t;
    alone(n, grain < 1 ? 1 : grain, body, arg);
}
#endif
