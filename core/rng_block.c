/* Compiled once per instruction set: see core/isa.h. Philox4x32-10 written as loops over elements that become
 * vector code; Random123's, which rng.c uses for single elements, is made for one at a time. */
#include "core/rng_block.h"

void NIB_ISA_NAME(nib_rng_block)(const nib_rng *rng, uint64_t first, uint32_t words[4][NIB_RNG_BLOCK])
{
    uint32_t key_0 = (uint32_t)rng->seed, key_1 = (uint32_t)(rng->seed >> 32);
    for (int i = 0; i < NIB_RNG_BLOCK; ++i) {
        const uint64_t element = first + (uint64_t)i;
        words[0][i] = (uint32_t)element;
        words[1][i] = (uint32_t)(element >> 32);
        words[2][i] = rng->stream;
        words[3][i] = rng->step;
    }
    for (int round = 0; round < 10; ++round) {
        for (int i = 0; i < NIB_RNG_BLOCK; ++i) {
            const uint64_t a = UINT64_C(0xD2511F53) * words[0][i], b = UINT64_C(0xCD9E8D57) * words[2][i];
            words[0][i] = (uint32_t)(b >> 32) ^ words[1][i] ^ key_0;
            words[1][i] = (uint32_t)b;
            words[2][i] = (uint32_t)(a >> 32) ^ words[3][i] ^ key_1;
            words[3][i] = (uint32_t)a;
        }
        key_0 += 0x9E3779B9u;
        key_1 += 0xBB67AE85u;
    }
}
