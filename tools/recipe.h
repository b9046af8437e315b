/** Recipes: example configs in tools/recipes/, built into the program. */
#ifndef NIB_TOOLS_RECIPE_H
#define NIB_TOOLS_RECIPE_H

#include <stddef.h>

typedef struct nib_recipe {
    const char *name; /**< file name without .yaml */
    const char *text; /**< NUL-terminated; @NAME@ stands for the name of the config made from it */
    size_t bytes;
} nib_recipe;

extern const nib_recipe nib_recipes[];
extern const int nib_recipes_count;

/** NULL if there is none of this name. */
const nib_recipe *nib_recipe_find(const char *name);

/** Its first comment line, into `text` [size]. */
void nib_recipe_help(const nib_recipe *recipe, char *text, size_t size);

#endif
