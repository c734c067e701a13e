/* faulty-opencl.c: makes OpenCL devices worse than they are: a library that is loaded in front of
 * the loader (LD_PRELOAD) and passes calls on to it. So faults that no device at hand has are met
 * where they would come from, and facies holds nothing made for tests.
 *
 * FAULTY="WORD=NUMBER WORD ..." says what is wrong, FAULTY_LOG names a file that what was called is
 * written to, a word a line. Limits are reported and enforced.
 *
 *   group=N    work groups of at most N items
 *   barrier=N  the same for kernels of programs with a barrier in them
 *   local=N    bytes of local memory
 *   buffer=N   bytes of one buffer
 *   largest=N  the same, and the device does not say so
 *   memory=N   bytes of all buffers together
 *   lost=N     the device is lost in the N-th kernel: what waits for it gets CL_OUT_OF_RESOURCES
 *   full=N     the N-th kernel gets CL_MEM_OBJECT_ALLOCATION_FAILURE
 *   compiler=N the N-th program from source does not compile
 *   short=N    kernels of more than N work groups whose name begins with FAULTY_KERNEL leave the
 *              last group out
 *   flush      denormals are zero
 *   slow=N     each wait takes N milliseconds more
 *   gpu        the device says that it is one: kernels and sizes are a GPU's
 *   twins      each device is there twice
 *   renamed    the platform has another name, which no rule is made for */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    cl_ulong memory;
    long launches, programs;
    bool broken;
} state;

/* ---- what is asked for ---- */
/* The number behind the word, -1 where the word is not there. */
static long fault(const char *word)
{
    const char *all = getenv("FAULTY");
    size_t n = strlen(word);
    for (const char *w = all; w && *w; w += strcspn(w, " "), w += strspn(w, " "))
        if (!strncmp(w, word, n) && strchr("= ", w[n]))
            return w[n] == '=' ? strtol(w + n + 1, NULL, 10) : 0;
    return -1;
}

static void record(const char *format, const char *word)
{
    const char *path = getenv("FAULTY_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (!f)
        return;
    fprintf(f, format, word);
    fclose(f);
}

/* The loader's own function; notes calls to a device that is gone. */
static void next_of(const char *name, void *function)
{
    static void *loader;
    if (!loader)
        loader = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    void *found = loader ? dlsym(loader, name) : NULL;
    if (!found)
        abort();
    memcpy(function, &found, sizeof found);
    if (state.broken)
        record("call to a lost device: %s\n", name);
}

#define NEXT(name)                                                                                 \
    __typeof__(&name) next;                                                                        \
    next_of(#name, &next)

/* ---- what devices say of themselves ---- */
cl_int clGetPlatformInfo(cl_platform_id p, cl_platform_info what, size_t size, void *value,
                         size_t *needed)
{
    NEXT(clGetPlatformInfo);
    cl_int code = next(p, what, size, value, needed);
    if (code == CL_SUCCESS && what == CL_PLATFORM_NAME && value && fault("renamed") >= 0)
        snprintf(value, size, "Renamed");
    return code;
}

cl_int clGetDeviceIDs(cl_platform_id p, cl_device_type type, cl_uint room, cl_device_id *out,
                      cl_uint *n)
{
    NEXT(clGetDeviceIDs);
    cl_int code = next(p, type, room, out, n);
    if (code == CL_SUCCESS && fault("twins") >= 0 && out && n && 2 * *n <= room) {
        memcpy(out + *n, out, *n * sizeof *out);
        *n *= 2;
    }
    return code;
}

static const struct {
    const char *word;
    cl_device_info what;
} limits[] = {
    {"group", CL_DEVICE_MAX_WORK_GROUP_SIZE},
    {"local", CL_DEVICE_LOCAL_MEM_SIZE},
    {"buffer", CL_DEVICE_MAX_MEM_ALLOC_SIZE},
    {"memory", CL_DEVICE_GLOBAL_MEM_SIZE},
};

cl_int clGetDeviceInfo(cl_device_id d, cl_device_info what, size_t size, void *value,
                       size_t *needed)
{
    NEXT(clGetDeviceInfo);
    cl_int code = next(d, what, size, value, needed);
    for (size_t i = 0; i < sizeof limits / sizeof *limits && code == CL_SUCCESS && value; i++)
        if (limits[i].what == what && fault(limits[i].word) > 0) {
            cl_ulong limit = (cl_ulong)fault(limits[i].word); /* size_t is as wide */
            memcpy(value, &limit, size < sizeof limit ? size : sizeof limit);
        }
    const cl_device_type gpu = CL_DEVICE_TYPE_GPU;
    cl_device_fp_config fp;
    if (code == CL_SUCCESS && what == CL_DEVICE_TYPE && value && fault("gpu") >= 0)
        memcpy(value, &gpu, sizeof gpu);
    if (code == CL_SUCCESS && what == CL_DEVICE_SINGLE_FP_CONFIG && value && fault("flush") >= 0) {
        memcpy(&fp, value, sizeof fp);
        fp &= ~(cl_device_fp_config)CL_FP_DENORM;
        memcpy(value, &fp, sizeof fp);
    }
    return code;
}

/* ---- memory ---- */
cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code)
{
    NEXT(clCreateBuffer);
    cl_int wrong = CL_SUCCESS;
    if (fault("buffer") > 0 && size > (size_t)fault("buffer"))
        wrong = CL_INVALID_BUFFER_SIZE;
    else if ((fault("largest") > 0 && size > (size_t)fault("largest")) ||
             (fault("memory") > 0 && state.memory + size > (cl_ulong)fault("memory")))
        wrong = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    if (wrong == CL_SUCCESS) {
        state.memory += size;
        return next(context, flags, size, host, code);
    }
    if (code)
        *code = wrong;
    return NULL;
}

cl_int clReleaseMemObject(cl_mem memory)
{
    NEXT(clReleaseMemObject);
    size_t size = 0;
    clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof size, &size, NULL);
    state.memory -= size;
    return next(memory);
}

/* ---- programs ---- */
cl_program clCreateProgramWithSource(cl_context context, cl_uint n, const char **lines,
                                     const size_t *lengths, cl_int *code)
{
    NEXT(clCreateProgramWithSource);
    const char *broken[] = {"this is no kernel;\n"};
    record("%s\n", "source");
    if (++state.programs == fault("compiler"))
        return next(context, 1, broken, NULL, code);
    return next(context, n, lines, lengths, code);
}

cl_program clCreateProgramWithBinary(cl_context context, cl_uint n, const cl_device_id *devices,
                                     const size_t *lengths, const unsigned char **binaries,
                                     cl_int *status, cl_int *code)
{
    NEXT(clCreateProgramWithBinary);
    record("%s\n", "binary");
    return next(context, n, devices, lengths, binaries, status, code);
}

cl_int clBuildProgram(cl_program program, cl_uint n, const cl_device_id *devices,
                      const char *options, void(CL_CALLBACK *done)(cl_program, void *), void *user)
{
    NEXT(clBuildProgram);
    char all[1024];
    snprintf(all, sizeof all, "%s%s", options ? options : "",
             fault("flush") >= 0 ? " -cl-denorms-are-zero" : "");
    return next(program, n, devices, all, done, user);
}

/* ---- kernels ---- */
static bool has_barrier(cl_kernel kernel)
{
    cl_program program = NULL;
    size_t size = 0;
    clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof program, &program, NULL);
    clGetProgramInfo(program, CL_PROGRAM_SOURCE, 0, NULL, &size);
    char *source = calloc(size + 1, 1);
    if (!source)
        abort();
    clGetProgramInfo(program, CL_PROGRAM_SOURCE, size, source, NULL);
    bool found = strstr(source, "barrier(") != NULL;
    free(source);
    return found;
}

cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                cl_kernel_work_group_info what, size_t size, void *value,
                                size_t *needed)
{
    NEXT(clGetKernelWorkGroupInfo);
    cl_int code = next(kernel, device, what, size, value, needed);
    long limit = fault("barrier") > 0 && has_barrier(kernel) ? fault("barrier") : fault("group");
    size_t own;
    if (code == CL_SUCCESS && what == CL_KERNEL_WORK_GROUP_SIZE && value && limit > 0) {
        memcpy(&own, value, sizeof own);
        own = own < (size_t)limit ? own : (size_t)limit;
        memcpy(value, &own, sizeof own);
    }
    return code;
}

/* What a device with these limits would answer. */
static cl_int launch_error(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                           const size_t *local)
{
    cl_device_id device = NULL;
    size_t items = 1, limit = 0;
    cl_ulong bytes = 0;
    clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL);
    clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL);
    clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    for (cl_uint d = 0; local && d < dims; d++)
        items *= local[d];
    if (items > limit)
        return CL_INVALID_WORK_GROUP_SIZE;
    return fault("local") > 0 && bytes > (cl_ulong)fault("local") ? CL_OUT_OF_RESOURCES
                                                                  : CL_SUCCESS;
}

static bool loses_a_group(cl_kernel kernel, size_t global, size_t local)
{
    char name[64] = "";
    clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL);
    const char *wanted = getenv("FAULTY_KERNEL");
    return fault("short") >= 0 && wanted && !strncmp(name, wanted, strlen(wanted)) &&
           global / local > (size_t)fault("short");
}

static void count_launches(void)
{
    char text[32];
    snprintf(text, sizeof text, "%ld", state.launches);
    record("launches %s\n", text);
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                              const size_t *offset, const size_t *global, const size_t *local,
                              cl_uint n_events, const cl_event *events, cl_event *event)
{
    NEXT(clEnqueueNDRangeKernel);
    size_t size[3] = {1, 1, 1};
    memcpy(size, global, dims * sizeof *size);
    cl_int code = launch_error(queue, kernel, dims, local);
    if (!state.launches)
        atexit(count_launches);
    if (++state.launches == fault("full"))
        code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    if (offset && *offset)
        record("%s\n", "piece");
    if (code == CL_SUCCESS && local && loses_a_group(kernel, *global, *local))
        size[0] -= *local;
    if (code == CL_SUCCESS)
        code = next(queue, kernel, dims, offset, size, local, n_events, events, event);
    state.broken = state.broken || state.launches == fault("full");
    return code;
}

/* ---- waiting ---- */
static bool lost(void)
{
    bool now = fault("lost") > 0 && state.launches >= fault("lost");
    state.broken = state.broken || now;
    return now;
}

cl_int clFinish(cl_command_queue queue)
{
    NEXT(clFinish);
    if (fault("slow") > 0)
        nanosleep(&(struct timespec){.tv_nsec = fault("slow") * 1000000}, NULL);
    return lost() ? CL_OUT_OF_RESOURCES : next(queue);
}

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset,
                           size_t size, void *to, cl_uint n, const cl_event *events,
                           cl_event *event)
{
    NEXT(clEnqueueReadBuffer);
    if (lost())
        return CL_OUT_OF_RESOURCES;
    return next(queue, buffer, blocking, offset, size, to, n, events, event);
}

/* ---- that nothing is called any more ---- */
cl_int clReleaseKernel(cl_kernel kernel)
{
    NEXT(clReleaseKernel);
    return next(kernel);
}

cl_int clReleaseProgram(cl_program program)
{
    NEXT(clReleaseProgram);
    return next(program);
}

cl_int clReleaseContext(cl_context context)
{
    NEXT(clReleaseContext);
    return next(context);
}

cl_int clFlush(cl_command_queue queue)
{
    NEXT(clFlush);
    return next(queue);
}
