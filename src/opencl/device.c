/* device.c: the OpenCL devices of the machine: listing, choosing by a word, opening, and the names
 * of error codes. A platform that a word rules out is not asked for its devices: a broken driver
 * then does no harm. */
#include "opencl/opencl.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_PLATFORMS = 16, MOST_DEVICES = 64 };

/* ---- error codes ---- */
static const struct {
    cl_int code;
    const char *name;
    bool fatal; /* what comes after it cannot be trusted */
} codes[] = {
    {CL_DEVICE_NOT_FOUND, "no device found", false},
    {CL_DEVICE_NOT_AVAILABLE, "the device is not available", true},
    {CL_COMPILER_NOT_AVAILABLE, "the driver has no compiler", false},
    {CL_MEM_OBJECT_ALLOCATION_FAILURE, "out of device memory", true},
    {CL_OUT_OF_RESOURCES, "out of resources (often an earlier kernel's fault)", true},
    {CL_OUT_OF_HOST_MEMORY, "out of host memory", true},
    {CL_BUILD_PROGRAM_FAILURE, "the kernel does not compile", false},
    {CL_INVALID_BUFFER_SIZE, "the device takes no buffer of this size", false},
    {CL_INVALID_KERNEL_NAME, "no kernel of this name", false},
    {CL_INVALID_KERNEL_ARGS, "arguments are missing", false},
    {CL_INVALID_WORK_GROUP_SIZE, "work-group size", false},
    {CL_INVALID_WORK_ITEM_SIZE, "work-item size", false},
    {CL_INVALID_COMMAND_QUEUE, "the queue is gone", true},
    {CL_INVALID_CONTEXT, "the context is gone", true},
    {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "an earlier command failed", true},
    {-1001, "the loader finds no driver", false},
};

fcs_status fcs_cl_fail(fcs_cl *cl, cl_int code, const char *format, ...)
{
    char what[256], number[32];
    const char *name = number;
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    snprintf(number, sizeof number, "OpenCL error %d", (int)code);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].code == code) {
            name = codes[i].name;
            cl->lost = cl->lost || codes[i].fatal;
        }
    return fcs_fail(
        &cl->ctx->error, FCS_FAILED, "device %s: %s: %s%s", cl->name ? cl->name : "", what, name,
        cl->lost ? "; the device is given up, start again (from the last checkpoint)" : "");
}

bool fcs_cl_alive(fcs_cl *cl)
{
    if (cl->lost)
        fcs_fail(&cl->ctx->error, FCS_FAILED, "device %s: given up after an earlier error",
                 cl->name);
    return !cl->lost;
}

/* ---- finding ---- */
typedef struct found {
    cl_platform_id platform;
    cl_device_id device;
    char platform_name[96], name[160];
} found;

static void trimmed(char *text)
{
    char *from = text + strspn(text, " \t");
    memmove(text, from, strlen(from) + 1);
    for (size_t n = strlen(text); n > 0 && strchr(" \t\n", text[n - 1]); n--)
        text[n - 1] = '\0';
}

static void platform_text(cl_platform_id p, cl_platform_info what, char *text, size_t size)
{
    if (clGetPlatformInfo(p, what, size, text, NULL) != CL_SUCCESS)
        snprintf(text, size, "unknown");
    text[size - 1] = '\0';
    trimmed(text);
}

static void device_text(cl_device_id d, cl_device_info what, char *text, size_t size)
{
    if (clGetDeviceInfo(d, what, size, text, NULL) != CL_SUCCESS)
        snprintf(text, size, "unknown");
    text[size - 1] = '\0';
    trimmed(text);
}

static bool contains(const char *text, const char *word, size_t n)
{
    for (; strlen(text) >= n; text++)
        if (!strncasecmp(text, word, n))
            return true;
    return false;
}

/* Devices of all platforms whose name contains the n letters of `platform` (n 0: all), in the
 * loader's order. */
static int find_devices(fcs_context *ctx, const char *platform, size_t n, found *out)
{
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_uint n_platforms = 0;
    int count = 0;
    if (clGetPlatformIDs(MOST_PLATFORMS, platforms, &n_platforms) != CL_SUCCESS)
        return 0;
    for (cl_uint p = 0; p < n_platforms && p < MOST_PLATFORMS; p++) {
        cl_device_id devices[MOST_DEVICES];
        cl_uint n_devices = 0;
        char name[96];
        platform_text(platforms[p], CL_PLATFORM_NAME, name, sizeof name);
        if (n && !contains(name, platform, n))
            continue;
        cl_int code =
            clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MOST_DEVICES, devices, &n_devices);
        if (code != CL_SUCCESS && code != CL_DEVICE_NOT_FOUND)
            fcs_note(ctx, "OpenCL platform %s: does not list its devices (error %d), left out",
                     name, (int)code);
        if (code != CL_SUCCESS)
            continue;
        for (cl_uint d = 0; d < n_devices && d < MOST_DEVICES && count < MOST_DEVICES; d++) {
            found *f = &out[count++];
            f->platform = platforms[p];
            f->device = devices[d];
            memcpy(f->platform_name, name, sizeof name);
            device_text(devices[d], CL_DEVICE_NAME, f->name, sizeof f->name);
        }
    }
    return count;
}

/* ---- choosing ---- */
static fcs_status none_found(fcs_context *ctx, const char *word)
{
    return fcs_fail(&ctx->error, FCS_FAILED,
                    "device \"%.100s\": no OpenCL device is here (is a driver installed? on Debian "
                    "pocl-opencl-icd runs on any processor); --device cpu needs none",
                    word);
}

static fcs_status choose(fcs_context *ctx, const char *word, found *out)
{
    found *all = fcs_alloc_array(&ctx->error, MOST_DEVICES, sizeof *all);
    const char *colon = strchr(word, ':'), *name = colon ? colon + 1 : word;
    int64_t number = 0;
    if (!all)
        return FCS_FAILED;
    int n = find_devices(ctx, word, colon ? (size_t)(colon - word) : 0, all), chosen = -1, fits = 0;
    bool numbered = fcs_parse_int64(word, &number);
    for (int i = 0; i < n; i++)
        if (numbered ? number == i + 1 : contains(all[i].name, name, strlen(name))) {
            fits++;
            chosen = i;
        }
    fcs_status s = FCS_OK;
    if (fits == 1)
        *out = all[chosen];
    else if (!n)
        s = none_found(ctx, word);
    else if (fits)
        s = fcs_fail(&ctx->error, FCS_FAILED,
                     "device \"%.100s\": %d devices have this in their names, give more of it or "
                     "the number that `facies devices` prints",
                     word, fits);
    else
        s = fcs_fail(&ctx->error, FCS_FAILED,
                     "device \"%.100s\": not here, `facies devices` lists what is", word);
    free(all);
    return s;
}

/* ---- opening ---- */
static size_t size_info(cl_device_id d, cl_device_info what)
{
    size_t value = 0;
    clGetDeviceInfo(d, what, sizeof value, &value, NULL);
    return value;
}

static uint64_t long_info(cl_device_id d, cl_device_info what)
{
    cl_ulong value = 0;
    clGetDeviceInfo(d, what, sizeof value, &value, NULL);
    return value;
}

static void read_traits(fcs_cl *cl)
{
    cl_device_type type = 0;
    cl_device_fp_config fp = 0;
    uint64_t slab = long_info(cl->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    const uint64_t most = (uint64_t)INT32_MAX / 64 * 64 * sizeof(float); /* offsets are ints */
    clGetDeviceInfo(cl->id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    clGetDeviceInfo(cl->id, CL_DEVICE_SINGLE_FP_CONFIG, sizeof fp, &fp, NULL);
    char profile[64];
    device_text(cl->id, CL_DEVICE_PROFILE, profile, sizeof profile);
    cl->embedded = !strcmp(profile, "EMBEDDED_PROFILE");
    cl->cpu = (type & CL_DEVICE_TYPE_CPU) != 0;
    cl->exact_division = (fp & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
    cl->slab_bytes = (size_t)(slab < most ? slab : most) / 64 * 64;
    cl->memory_bytes = (size_t)long_info(cl->id, CL_DEVICE_GLOBAL_MEM_SIZE);
    cl->units = (int)(long_info(cl->id, CL_DEVICE_MAX_COMPUTE_UNITS) & INT32_MAX);
    cl->local_bytes = (size_t)long_info(cl->id, CL_DEVICE_LOCAL_MEM_SIZE);
    cl->group_limit = size_info(cl->id, CL_DEVICE_MAX_WORK_GROUP_SIZE);
    size_t sizes[8] = {0};
    if (clGetDeviceInfo(cl->id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, NULL) ==
            CL_SUCCESS &&
        sizes[0] && sizes[0] < cl->group_limit)
        cl->group_limit = sizes[0];
}

/* Name, and platform and driver with their versions: what binaries, verdicts and bits depend on. */
static bool read_names(fcs_cl *cl, const found *f)
{
    char driver[128], version[256];
    device_text(f->device, CL_DRIVER_VERSION, driver, sizeof driver);
    platform_text(f->platform, CL_PLATFORM_VERSION, version, sizeof version);
    cl->name = fcs_strdup(&cl->ctx->error, f->name);
    cl->driver =
        fcs_format(&cl->ctx->error, "%s, %s, driver %s", f->platform_name, version, driver);
    return cl->name && cl->driver;
}

static void device_close(fcs_context *ctx)
{
    fcs_cl *cl = ctx->device;
    if (!cl)
        return;
    if (!cl->lost) { /* else nothing of it may be touched any more */
        fcs_cl_programs_free(cl);
        fcs_cl_blast_forget();
        if (cl->queue)
            clReleaseCommandQueue(cl->queue);
        if (cl->context)
            clReleaseContext(cl->context);
    }
    free(cl->programs);
    free(cl->name);
    free(cl->driver);
    free(cl);
    ctx->device = NULL;
}

/* Oclgrind interprets kernels, a million times slower than they are: its purpose is another test.
 */
static bool slow_interpreter(const fcs_cl *cl) { return !strncmp(cl->driver, "Oclgrind", 8); }

static fcs_status open_queue(fcs_cl *cl)
{
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)cl->platform, 0};
    cl_int code;
    cl->context = clCreateContext(properties, 1, &cl->id, NULL, NULL, &code);
    if (code != CL_SUCCESS) {
        cl->context = NULL;
        return fcs_cl_fail(cl, code, "cannot be opened");
    }
    cl->queue = clCreateCommandQueue(cl->context, cl->id, 0, &code);
    if (code != CL_SUCCESS) {
        cl->queue = NULL;
        return fcs_cl_fail(cl, code, "gives no queue");
    }
    return FCS_OK;
}

/* What failed is not used, unless it was asked for: then a note says it. */
static fcs_status judge(fcs_cl *cl, bool untrusted)
{
    char verdict[160];
    fcs_status s = fcs_cl_selftest(cl, verdict, sizeof verdict);
    if (s == FCS_OK && !strcmp(verdict, "passed"))
        return FCS_OK;
    if (!untrusted)
        return s != FCS_OK ? s
                           : fcs_fail(&cl->ctx->error, FCS_FAILED,
                                      "device %s: failed its self-test (%s), its numbers cannot be "
                                      "trusted: another driver may help, `facies check` shows "
                                      "more, --untrusted uses it all the same",
                                      cl->name, verdict);
    if (s == FCS_OK)
        fcs_note(cl->ctx, "note: device %s: failed its self-test (%s)", cl->name, verdict);
    else if (!cl->lost) {
        fcs_note(cl->ctx, "%s", fcs_message(cl->ctx));
        fcs_error_clear(&cl->ctx->error);
    }
    return cl->ctx->error.status;
}

fcs_status fcs_devices_open(fcs_context *ctx, const char *word, bool untrusted)
{
    found f;
    fcs_status s = choose(ctx, word, &f);
    fcs_cl *cl = s == FCS_OK ? fcs_alloc(&ctx->error, sizeof *cl) : NULL;
    if (!cl)
        return FCS_FAILED;
    ctx->device = cl;
    ctx->backend = &fcs_cl_backend;
    if (!(ctx->device_word = fcs_strdup(&ctx->error, word)))
        return FCS_FAILED;
    *cl = (fcs_cl){.ctx = ctx, .platform = f.platform, .id = f.device, .sync = ctx->sync};
    if (!read_names(cl, &f))
        return FCS_FAILED;
    read_traits(cl);
    s = open_queue(cl);
    if (s == FCS_OK)
        fcs_cl_tuning_load(cl);
    if (s == FCS_OK && !slow_interpreter(cl))
        s = judge(cl, untrusted);
    return s;
}

/* ---- listing ---- */
static const char *kind_of(cl_device_id d)
{
    cl_device_type type = 0;
    clGetDeviceInfo(d, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    return type & CL_DEVICE_TYPE_CPU           ? "OpenCL on the processor"
           : type & CL_DEVICE_TYPE_GPU         ? "OpenCL GPU"
           : type & CL_DEVICE_TYPE_ACCELERATOR ? "OpenCL accelerator"
                                               : "OpenCL";
}

static void verdict_of(fcs_context *ctx, const found *f, char *text, size_t size)
{
    fcs_cl cl = {.ctx = ctx};
    snprintf(text, size, "not tested yet");
    if (read_names(&cl, f)) {
        if (slow_interpreter(&cl))
            snprintf(text, size, "not tested, being an interpreter");
        else
            fcs_cl_selftest_kept(&cl, text, size);
    }
    free(cl.name);
    free(cl.driver);
}

static fcs_status add_device(fcs_context *ctx, fcs_table *t, int number, const found *f)
{
    char word[16], text[640], driver[96], version[96], verdict[160];
    snprintf(word, sizeof word, "%d", number);
    device_text(f->device, CL_DRIVER_VERSION, driver, sizeof driver);
    device_text(f->device, CL_DEVICE_VERSION, version, sizeof version);
    verdict_of(ctx, f, verdict, sizeof verdict);
    snprintf(text, sizeof text,
             "%s, %s, driver %.60s, %.60s, %.1f GiB, one buffer at most %.1f GiB, %llu units; "
             "self-test: %s",
             f->name, f->platform_name, driver, version,
             (double)long_info(f->device, CL_DEVICE_GLOBAL_MEM_SIZE) / 1073741824,
             (double)long_info(f->device, CL_DEVICE_MAX_MEM_ALLOC_SIZE) / 1073741824,
             (unsigned long long)(long_info(f->device, CL_DEVICE_MAX_COMPUTE_UNITS) & 0xffffffffu),
             verdict);
    return fcs_table_add(&ctx->error, t, "sss", word, kind_of(f->device), text);
}

fcs_status fcs_devices_list(fcs_context *ctx, fcs_table *t)
{
    found *all = fcs_alloc_array(&ctx->error, MOST_DEVICES, sizeof *all);
    int n = all ? find_devices(ctx, "", 0, all) : 0;
    fcs_status s = all ? FCS_OK : FCS_FAILED;
    for (int i = 0; i < n && s == FCS_OK; i++)
        s = add_device(ctx, t, i + 1, &all[i]);
    if (all && !n)
        fcs_note(ctx, "no OpenCL device is here: no driver is installed, or it is hidden (rusticl "
                      "needs RUSTICL_ENABLE)");
    free(all);
    return s;
}

/* ---- the backend ---- */
static size_t slab_bytes(const fcs_context *ctx)
{
    return ((const fcs_cl *)ctx->device)->slab_bytes;
}

static const char *device_name(const fcs_context *ctx)
{
    return ((const fcs_cl *)ctx->device)->name;
}

static const char *driver_name(const fcs_context *ctx)
{
    return ((const fcs_cl *)ctx->device)->driver;
}

/* A processor's threads are the process's. */
static bool one_thread(const fcs_context *ctx)
{
    const fcs_cl *cl = ctx->device;
    return cl->cpu && cl->units == 1;
}

static fcs_status finish(fcs_context *ctx) { return fcs_cl_finish(ctx->device); }

const fcs_backend fcs_cl_backend = {
    .name = "opencl",
    .owns_lines = true,
    .device_name = device_name,
    .kernels_name = driver_name,
    .close = device_close,
    .memory_new = fcs_cl_memory_new,
    .memory_free = fcs_cl_memory_free,
    .map = fcs_cl_map,
    .unmap = fcs_cl_unmap,
    .slab_bytes = slab_bytes,
    .finish = finish,
    .one_thread = one_thread,
    .tuning = &fcs_cl_tuning,
    .step_scratch = fcs_cl_step_scratch,
    .run = fcs_cl_run,
    .forget = fcs_cl_forget,
    .op_scratch = fcs_cl_op_scratch,
    .op_new = fcs_cl_op_new,
    .op_run = fcs_cl_op_run,
    .op_free = fcs_cl_op_free,
};
