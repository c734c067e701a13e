/* program.c: the kernels of cl/, built for a device when they are first wanted. A program is
 * common.cl, one file of cl/ and, for chains, generated source; it is kept as long as the device is
 * open. */
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

static cl_program build(fcs_cl *cl, const char *source, const char *options, const char *what)
{
    cl_int code;
    char all[512];
    snprintf(all, sizeof all, "%s%s %s%s", standard_options, cl->cpu ? " -DFCS_CPU" : "",
             cl->exact_division ? "-cl-fp32-correctly-rounded-divide-sqrt " : "",
             options ? options : "");
    cl_program program = clCreateProgramWithSource(cl->context, 1, &source, NULL, &code);
    if (code == CL_SUCCESS) {
        code = clBuildProgram(program, 1, &cl->id, all, NULL, NULL);
        if (code == CL_SUCCESS)
            return program;
        report_build(cl, program, code, what);
        clReleaseProgram(program);
    } else {
        fcs_cl_fail(cl, code, "building %s", what);
    }
    return NULL;
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
