/* program.c: the kernels of cl/, built for a device when they are first wanted. A program is
 * common.cl, one file of cl/ and, for chains, generated source; it is kept as long as the device is
 * open, and its binary in the cache folder. */
#include "opencl/opencl.h"

#include <stdlib.h>
#include <string.h>

static const char *const standard_options = "-cl-std=CL1.2 -w";

/* names: of embedded files, blanks between them. */
static bool add_files(fcs_text *t, const char *names)
{
    for (size_t n; names && *names; names += n, names += strspn(names, " ")) {
        const fcs_embedded *known = fcs_cl_sources;
        n = strcspn(names, " ");
        while (known->name && (strlen(known->name) != n || strncmp(known->name, names, n) != 0))
            known++;
        if (!known->name)
            return false;
        for (const char *const *line = known->lines; *line; line++)
            fcs_text_add(t, "%s\n", *line);
    }
    return !t->failed;
}

static char *source_of(fcs_cl *cl, const char *file, const char *body)
{
    fcs_text t = {0};
    bool good = add_files(&t, "common") && add_files(&t, file);
    if (good && body)
        fcs_text_add(&t, "%s", body);
    if (good && !t.failed)
        return t.s;
    free(t.s);
    fcs_fail(&cl->ctx->error, FCS_FAILED, "kernel source %s: missing or out of memory",
             file ? file : "common");
    return NULL;
}

/* The compiler's words, to the log line by line; the message has the first error. */
static void report_build(fcs_cl *cl, cl_program program, cl_int code, const char *what)
{
    char log[8192] = "", first[200] = "";
    if (clGetProgramBuildInfo(program, cl->id, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL) !=
        CL_SUCCESS)
        snprintf(log, sizeof log, "(its log is too long or not there)");
    char *save = NULL;
    for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        fcs_note(cl->ctx, "%s: %s", what, line);
        if (!*first || (strstr(line, "error") && !strstr(first, "error")))
            snprintf(first, sizeof first, "%s", line);
    }
    fcs_cl_fail(cl, code, "building %s: %s", what, first);
}

/* Builds a program, made of source or a binary; the code in `*code`. */
static cl_program finish(fcs_cl *cl, cl_program program, const char *options, cl_int *code)
{
    if (*code == CL_SUCCESS)
        *code = clBuildProgram(program, 1, &cl->id, options, NULL, NULL);
    return *code == CL_SUCCESS ? program : NULL;
}

/* ---- binaries that are kept (cache.c) ---- */
/* These keep what they built themselves. PoCL moreover builds once more when it is asked for a
 * binary (pocl 1958); Oclgrind names lines of the source. */
static const char *const keep_themselves[] = {"Portable Computing Language", "NVIDIA", "Oclgrind"};

static bool wants_binaries(const fcs_cl *cl)
{
    for (size_t i = 0; i < sizeof keep_themselves / sizeof *keep_themselves; i++)
        if (!strncmp(cl->driver, keep_themselves[i], strlen(keep_themselves[i])))
            return false;
    return true;
}

/* NULL where none is kept, or none that the driver takes. */
static cl_program read_binary(fcs_cl *cl, const char *key, const char *options)
{
    size_t n = 0;
    unsigned char *bytes = (unsigned char *)fcs_cl_cache_read(cl, "program", key, &n);
    cl_int code = CL_INVALID_BINARY, taken = CL_SUCCESS;
    cl_program made = NULL, program = NULL;
    if (bytes)
        made = clCreateProgramWithBinary(cl->context, 1, &cl->id, &n,
                                         (const unsigned char *[]){bytes}, &taken, &code);
    if (code == CL_SUCCESS)
        code = taken;
    program = finish(cl, made, options, &code);
    if (made && !program)
        clReleaseProgram(made);
    free(bytes);
    return program;
}

static void write_binary(fcs_cl *cl, const char *key, cl_program program)
{
    size_t n = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof n, &n, NULL) != CL_SUCCESS || !n)
        return;
    unsigned char *bytes = malloc(n); /* without it the program is built again the next time */
    if (bytes &&
        clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof bytes, &bytes, NULL) == CL_SUCCESS)
        fcs_cl_cache_write(cl, "program", key, bytes, n);
    free(bytes);
}

/* ---- building ---- */
static cl_program build_source(fcs_cl *cl, const char *source, const char *options,
                               const char *what)
{
    cl_int code;
    cl_program made = clCreateProgramWithSource(cl->context, 1, &source, NULL, &code);
    if (code != CL_SUCCESS) {
        fcs_cl_fail(cl, code, "building %s", what);
        return NULL;
    }
    cl_program program = finish(cl, made, options, &code);
    if (!program) {
        report_build(cl, made, code, what);
        clReleaseProgram(made);
    }
    return program;
}

static cl_program build(fcs_cl *cl, const char *source, const char *options, const char *what)
{
    char all[512], key[600];
    bool kept = wants_binaries(cl);
    snprintf(all, sizeof all, "%s %s%s", standard_options,
             cl->exact_division ? "-cl-fp32-correctly-rounded-divide-sqrt " : "",
             options ? options : "");
    snprintf(key, sizeof key, "%s %zu %016llx", all, strlen(source),
             (unsigned long long)fcs_hash(source));
    cl_program program = kept ? read_binary(cl, key, all) : NULL;
    if (program)
        return program;
    program = build_source(cl, source, all, what);
    if (program && kept)
        write_binary(cl, key, program);
    return program;
}

/* The key names file and options and has generated source in full: no two programs share it. */
static fcs_cl_program *program_of(fcs_cl *cl, const char *file, const char *options,
                                  const char *body)
{
    char *key = fcs_format(&cl->ctx->error, "%s|%s|%s", file ? file : "", options ? options : "",
                           body ? body : "");
    for (size_t i = 0; i < cl->n_programs && key; i++)
        if (!strcmp(cl->programs[i].key, key)) {
            free(key);
            return &cl->programs[i];
        }
    if (!key || !fcs_grow(&cl->ctx->error, &cl->programs, &cl->programs_capacity,
                          cl->n_programs + 1, sizeof *cl->programs)) {
        free(key);
        return NULL;
    }
    char *source = source_of(cl, file, body);
    cl_program program = source ? build(cl, source, options, file ? file : "a chain") : NULL;
    free(source);
    if (!program) {
        free(key);
        return NULL;
    }
    cl->programs[cl->n_programs] = (fcs_cl_program){key, program};
    return &cl->programs[cl->n_programs++];
}

cl_kernel fcs_cl_kernel(fcs_cl *cl, const char *file, const char *options, const char *body,
                        const char *name)
{
    const fcs_cl_program *p = fcs_cl_alive(cl) ? program_of(cl, file, options, body) : NULL;
    if (!p)
        return NULL;
    cl_int code;
    cl_kernel kernel = clCreateKernel(p->program, name, &code);
    if (code == CL_SUCCESS)
        return kernel;
    fcs_cl_fail(cl, code, "kernel %s", name);
    return NULL;
}

void fcs_cl_programs_free(fcs_cl *cl)
{
    for (size_t i = 0; i < cl->n_programs; i++) {
        clReleaseProgram(cl->programs[i].program);
        free(cl->programs[i].key);
    }
    cl->n_programs = 0;
}
