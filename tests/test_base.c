/* test_base.c: errors, text, numbers, files, tables, teams. */
#include "base/base.h"
#include "test.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void test_errors(void)
{
    fcs_error e = {0};
    CHECK(fcs_fail(&e, FCS_FAILED, "a.png: %s\n2", "bad\tdata") == FCS_FAILED);
    CHECK(strcmp(e.message, "a.png: bad?data?2") == 0); /* one line, whatever comes in */
    fcs_fail(&e, FCS_USAGE, "second");
    CHECK(e.status == FCS_FAILED && strstr(e.message, "second") == NULL);
    fcs_error_where(&e, "recipe %d", 7);
    CHECK(strncmp(e.message, "recipe 7: a.png", 15) == 0);
    char lengthy[4000];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = 0;
    fcs_error_clear(&e);
    fcs_fail(&e, FCS_FAILED, "%s", lengthy);
    fcs_error_where(&e, "%s", lengthy);
    CHECK(strlen(e.message) < sizeof e.message);
}

static void test_text(void)
{
    static const char *const known[] = {"generator", "discriminator", "rate", "stride"};
    int64_t i;
    double d;
    CHECK(strcmp(fcs_nearest("strid", known, 4), "stride") == 0);
    CHECK(strcmp(fcs_nearest("genrator", known, 4), "generator") == 0);
    CHECK(fcs_nearest("zzzzzzzzzz", known, 4) == NULL);
    CHECK(fcs_parse_int64("-12", &i) && i == -12);
    CHECK(!fcs_parse_int64("12x", &i) && !fcs_parse_int64("", &i) && !fcs_parse_int64(" 1", &i));
    CHECK(!fcs_parse_int64("99999999999999999999", &i));
    CHECK(fcs_parse_double("2e-4", &d) && d == 2e-4);
    CHECK(!fcs_parse_double("nan", &d) && !fcs_parse_double("1e999", &d) &&
          !fcs_parse_double("0x10", &d));
}

static void test_files(void)
{
    char dir[] = "/tmp/facies-test-XXXXXX", path[64];
    fcs_error e = {0};
    fcs_file file;
    CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof path, "%s/a", dir);
    CHECK(fcs_file_open(&e, &file, path) == FCS_OK && fputs("first", file.f) >= 0);
    CHECK(access(path, F_OK) != 0); /* not there before it is whole */
    CHECK(fcs_file_commit(&e, &file) == FCS_OK && access(path, F_OK) == 0);
    CHECK(fcs_file_open(&e, &file, path) == FCS_OK && fputs("second", file.f) >= 0);
    fcs_file_abort(&file);
    size_t n = 0;
    char *s = fcs_file_read(&e, path, 100, &n);
    CHECK(s && n == 5 && strcmp(s, "first") == 0);
    free(s);
    CHECK(fcs_file_read(&e, path, 3, &n) == NULL && strstr(e.message, "larger than 3") != NULL);
    fcs_error_clear(&e);
    CHECK(fcs_file_open(&e, &file, "/dev/null/x") == FCS_FAILED &&
          strncmp(e.message, "/dev/null/x", 11) == 0);
    fcs_error_clear(&e);
    if (access("/dev/full", W_OK) == 0) {
        CHECK(fcs_file_open(&e, &file, "/dev/full") == FCS_OK);
        fputs("x", file.f);
        CHECK(fcs_file_commit(&e, &file) == FCS_FAILED && strstr(e.message, "/dev/full") != NULL);
        struct stat st;
        CHECK(stat("/dev/full", &st) == 0 && S_ISCHR(st.st_mode)); /* still a device */
    }
    unlink(path);
    CHECK(rmdir(dir) == 0); /* nothing was left behind */
}

static void test_table(void)
{
    static const char *const columns[] = {"name", "value", "count"};
    fcs_error e = {0};
    fcs_table *t = fcs_table_new(&e, columns, 3);
    CHECK(fcs_table_add(&e, t, "sdi", "a,\"b\"", 0.5, (int64_t)3) == FCS_OK);
    CHECK(fcs_table_add(&e, t, "sdi", NULL, (double)NAN, (int64_t)-1) == FCS_OK);
    CHECK(fcs_table_rows(t) == 2 && fcs_table_number(t, 0, 1) == 0.5 &&
          isnan(fcs_table_number(t, 1, 1)));
    CHECK(fcs_table_text(t, 1, 0) == NULL && isnan(fcs_table_number(t, 9, 9)));
    char buffer[400] = "";
    FILE *f = tmpfile();
    CHECK(f && fcs_table_write(t, FCS_CSV, f) == 0 && fcs_table_write(t, FCS_JSON, f) == 0);
    rewind(f);
    buffer[fread(buffer, 1, sizeof buffer - 1, f)] = 0;
    fclose(f);
    CHECK(strstr(buffer, "name,value,count\n\"a,\"\"b\"\"\",0.5,3\n,,-1\n") == buffer);
    CHECK(strstr(buffer, "\"value\": null") != NULL &&
          strstr(buffer, "\"name\": \"a,\\\"b\\\"\"") != NULL);
    fcs_table_free(t);
}

/* ---- threads ---- */
enum { ITEMS = 1000, MOST_THREADS = 5 };

typedef struct tally {
    int seen[ITEMS], blocks[MOST_THREADS], wrong;
    int64_t grain;
} tally;

/* Each item is written by one thread only: what a race would lose, counts show. */
static void count(void *arg, int64_t begin, int64_t end, int thread)
{
    tally *t = arg;
    bool right = begin % t->grain == 0 && begin < end && end - begin <= t->grain &&
                 (end == ITEMS || end - begin == t->grain) && thread < MOST_THREADS;
    if (!right)
        t->wrong++;
    else
        t->blocks[thread]++;
    for (int64_t i = begin; i < end; i++)
        t->seen[i]++;
}

/* Runs `jobs` jobs: every item must have been seen once by each. */
static bool counts_well(fcs_team *team, int64_t grain, int jobs)
{
    tally t = {.grain = grain};
    int64_t right = 0, blocks = 0;
    for (int i = 0; i < jobs; i++)
        fcs_parallel(team, ITEMS, grain, count, &t);
    for (int i = 0; i < ITEMS; i++)
        right += t.seen[i] == jobs;
    for (int i = 0; i < MOST_THREADS; i++)
        blocks += t.blocks[i];
    return !t.wrong && right == ITEMS && blocks == jobs * ((ITEMS + grain - 1) / grain);
}

static void test_team(void)
{
    fcs_error e = {0};
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        fcs_team *team = fcs_team_new(&e, threads);
        CHECK(team && fcs_team_size(team) <= threads);
        CHECK(counts_well(team, 7, 300));
        CHECK(counts_well(team, 300, 300));
        CHECK(counts_well(team, ITEMS, 3));
        const struct timespec moment = {0, 2000000};
        for (int i = 0; i < 5; i++) { /* all have gone to sleep */
            nanosleep(&moment, NULL);
            CHECK(counts_well(team, 1, 1));
        }
        fcs_team_free(team);
        fcs_team_free(fcs_team_new(&e, threads)); /* before they have begun */
    }
    fcs_team *all = fcs_team_new(&e, 0);
    CHECK(all && fcs_team_size(all) >= 1 && counts_well(all, ITEMS, 1));
    fcs_team_free(all);
}

/* A child has none of the threads and works alone. */
static void test_fork(void)
{
    fcs_error e = {0};
    fcs_team *team = fcs_team_new(&e, 3);
    CHECK(team && counts_well(team, 9, 10));
    const struct timespec moment = {0, 2000000};
    for (int asleep = 0; asleep < 2; asleep++) {
        int status = -1;
        if (asleep)
            nanosleep(&moment, NULL);
        pid_t child = fork();
        if (child == 0) {
            bool right = counts_well(team, 9, 10);
            fcs_team_free(team);
            _exit(right ? 0 : 1);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
        CHECK(counts_well(team, 9, 10));
    }
    fcs_team_free(team);
}

int main(void)
{
    test_errors();
    test_text();
    test_files();
    test_table();
    test_team();
    test_fork();
    return test_end();
}
