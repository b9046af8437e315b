#include "datasets/generator.h"

#include <string.h>

#define NIB_GENERATOR(name) extern const nib_generator nib_generator_##name;
#include "datasets/generators.def"
#undef NIB_GENERATOR

#define NIB_GENERATOR(name) &nib_generator_##name,
const nib_generator *const nib_generators[] = {
#include "datasets/generators.def"
    NULL, /* so that the list may be empty */
};
#undef NIB_GENERATOR
const int nib_generators_count = (int)(sizeof nib_generators / sizeof *nib_generators) - 1;

const nib_generator *nib_generator_find(const char *name)
{
    for (int i = 0; i < nib_generators_count; i++)
        if (strcmp(nib_generators[i]->name, name) == 0)
            return nib_generators[i];
    return NULL;
}
