/* random.c: counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011). Integers only; normal.c makes normal variates of
 * them.
 *
 * Layout. The key is the seed (low word, high word). Number `index` of the stream is word index mod
 * 4 of the block index / 4, whose counter is c0 = low word of the block c1 = high word of the block
 * (30 bits) xor high word of the step, rotated by 16 c2 = low word of the step c3 = stream so
 * (step, stream, index) and numbers are one to one for every index while step < 2^32, and for index
 * < 2^50 while step < 2^48. A stream serves one kind of number only: uniform, normal and below
 * share their bits. */
#include "base/random.h"

#include <string.h>

enum { ROUNDS = 10, LANES = 8 };
static const uint32_t M0 = 0xD2511F53u, M1 = 0xCD9E8D57u; /* multipliers */
static const uint32_t W0 = 0x9E3779B9u, W1 = 0xBB67AE85u; /* Weyl increments of the key */

/* Philox of LANES counters at once: c[word][lane], in place. */
static void philox_lanes(uint32_t c[4][LANES], uint32_t k0, uint32_t k1)
{
    for (int round = 0; round < ROUNDS; round++, k0 += W0, k1 += W1) {
        for (int l = 0; l < LANES; l++) {
            uint64_t p0 = (uint64_t)M0 * c[0][l], p1 = (uint64_t)M1 * c[2][l];
            c[0][l] = (uint32_t)(p1 >> 32) ^ c[1][l] ^ k0;
            c[2][l] = (uint32_t)(p0 >> 32) ^ c[3][l] ^ k1;
            c[1][l] = (uint32_t)p1;
            c[3][l] = (uint32_t)p0;
        }
    }
}

void fcs_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0],
             k1 = key[1];
    for (int round = 0; round < ROUNDS; round++, k0 += W0, k1 += W1) {
        uint64_t p0 = (uint64_t)M0 * c0, p1 = (uint64_t)M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

static uint32_t counter_high(uint64_t block, uint64_t step)
{
    uint32_t s = (uint32_t)(step >> 32);
    return (uint32_t)(block >> 32) ^ (s << 16 | s >> 16);
}

static void block_words(uint64_t seed, uint64_t step, uint32_t stream, uint64_t block,
                        uint32_t out[4])
{
    uint32_t counter[4] = {(uint32_t)block, counter_high(block, step), (uint32_t)step, stream};
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    fcs_philox(counter, key, out);
}

uint32_t fcs_random_word(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index)
{
    uint32_t w[4];
    block_words(seed, step, stream, index / 4, w);
    return w[index % 4];
}

/* The words of the LANES blocks from `block` on. */
static void bulk_words(uint64_t seed, uint64_t step, uint32_t stream, uint64_t block, uint32_t *out)
{
    uint32_t c[4][LANES];
    for (unsigned l = 0; l < LANES; l++) {
        c[0][l] = (uint32_t)(block + l);
        c[1][l] = counter_high(block + l, step);
        c[2][l] = (uint32_t)step;
        c[3][l] = stream;
    }
    philox_lanes(c, (uint32_t)seed, (uint32_t)(seed >> 32));
    for (int l = 0; l < LANES; l++)
        for (int w = 0; w < 4; w++)
            out[4 * l + w] = c[w][l];
}

/* Words from `first` on, as far as its block goes: at most n. */
static size_t words_of_block(uint64_t seed, uint64_t step, uint32_t stream, uint64_t first,
                             size_t n, uint32_t *y)
{
    uint32_t w[4];
    size_t i = 0;
    block_words(seed, step, stream, first / 4, w);
    for (; i < n && first % 4 + i < 4; i++)
        y[i] = w[first % 4 + i];
    return i;
}

void fcs_random_words(uint64_t seed, uint64_t step, uint32_t stream, uint64_t first, size_t n,
                      uint32_t *y)
{
    size_t i = 0;
    if (first % 4 != 0)
        i = words_of_block(seed, step, stream, first, n, y);
    for (; n - i >= 4 * LANES; i += 4 * LANES)
        bulk_words(seed, step, stream, (first + i) / 4, y + i);
    while (i < n)
        i += words_of_block(seed, step, stream, first + i, n - i, y + i);
}

static float uniform_of(uint32_t word) { return (float)(int32_t)(word >> 8) * 0x1p-24f; }

float fcs_random_uniform(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index)
{
    return uniform_of(fcs_random_word(seed, step, stream, index));
}

void fcs_random_uniforms(uint64_t seed, uint64_t step, uint32_t stream, uint64_t first, size_t n,
                         float *y)
{
    uint32_t words[512];
    while (n > 0) {
        size_t m = n < 512 ? n : 512;
        fcs_random_words(seed, step, stream, first, m, words);
        for (size_t i = 0; i < m; i++)
            y[i] = uniform_of(words[i]);
        y += m, first += m, n -= m;
    }
}

/* floor(n * r / 2^64) of a 64-bit r: every result has a probability within 2^-64 of 1/n. Takes
 * block `index`. */
int64_t fcs_random_below(uint64_t seed, uint64_t step, uint32_t stream, uint64_t index, int64_t n)
{
    uint32_t w[4];
    block_words(seed, step, stream, index, w);
    uint64_t m = (uint64_t)n, low = m * w[1] >> 32;
    return (int64_t)((m * w[0] + low) >> 32);
}

uint64_t fcs_hash_bytes(const void *bytes, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a: offset basis and prime */
    for (const unsigned char *b = bytes; n > 0; b++, n--)
        h = (h ^ *b) * 0x100000001b3u;
    return h;
}

uint64_t fcs_hash(const char *s) { return fcs_hash_bytes(s, strlen(s)); }

uint32_t fcs_random_stream(const char *name)
{
    uint64_t h = fcs_hash(name);
    return (uint32_t)(h ^ h >> 32);
}
